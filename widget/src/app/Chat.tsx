/** The whole chat: who we are, what was said, and a line to write on. */
import { useEffect } from "preact/hooks";

import type { Language } from "../locale";
import { Composer } from "./Composer";
import { MessageList } from "./MessageList";
import type { ChatSession } from "./session";
import { WORDS } from "./words";

interface ChatProps {
  session: ChatSession;
  language: Language;
  /** Null where there is no page around us to go back to. */
  onClose: (() => void) | null;
}

export function Chat({ session, language, onClose }: ChatProps) {
  const words = WORDS[language];
  const connection = session.connection.value;

  useEffect(() => {
    if (!onClose) return;
    const closeOnEscape = (event: KeyboardEvent) => {
      if (event.key === "Escape" && !event.isComposing) onClose();
    };
    document.addEventListener("keydown", closeOnEscape);
    return () => document.removeEventListener("keydown", closeOnEscape);
  }, [onClose]);

  return (
    <main class="chat">
      <header class="chat-head">
        <div>
          <h1>{session.config.value.title || words.title}</h1>
          <p class={`connection is-${connection}`} role="status">
            {words[connection]}
          </p>
        </div>
        {onClose && (
          <button type="button" class="quiet" aria-label={words.close} onClick={onClose}>
            <svg viewBox="0 0 24 24" aria-hidden="true">
              <path d="M6 6l12 12M18 6L6 18" />
            </svg>
          </button>
        )}
      </header>
      <MessageList
        conversation={session.state.value}
        greeting={session.config.value.greeting || words.greeting}
        language={language}
        onRetry={(key) => void session.retry(key)}
      />
      <Composer
        words={words}
        isOpen={session.isOpen.value}
        isClosed={connection === "closed"}
        onSend={(text) => void session.send(text)}
      />
    </main>
  );
}
