/** The line to write on. Enter sends, Shift+Enter breaks the line; never while an input method is composing. */
import { useEffect, useRef, useState } from "preact/hooks";
import type { TargetedEvent, TargetedKeyboardEvent } from "preact";

import type { Words } from "./words";

interface ComposerProps {
  words: Words;
  isOpen: boolean;
  isClosed: boolean;
  onSend: (text: string) => void;
}

export function Composer({ words, isOpen, isClosed, onSend }: ComposerProps) {
  const [text, setText] = useState("");
  const field = useRef<HTMLTextAreaElement>(null);

  useEffect(() => {
    if (isOpen) field.current?.focus();
  }, [isOpen]);

  function send(): void {
    const said = text.trim();
    if (!said) return;
    setText("");
    onSend(said);
    field.current?.focus();
  }

  function submit(event: TargetedEvent<HTMLFormElement>): void {
    event.preventDefault();
    send();
  }

  function sendOnEnter(event: TargetedKeyboardEvent<HTMLTextAreaElement>): void {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    send();
  }

  return (
    <form class="composer" onSubmit={submit}>
      <label class="only-spoken" for="composer-text">
        {words.placeholder}
      </label>
      <textarea
        id="composer-text"
        ref={field}
        rows={1}
        // An empty field with dir=auto lays a Persian placeholder out from the wrong side.
        dir={text ? "auto" : undefined}
        maxLength={4000}
        placeholder={words.placeholder}
        value={text}
        disabled={isClosed}
        onInput={(event) => setText(event.currentTarget.value)}
        onKeyDown={sendOnEnter}
      />
      <button type="submit" class="send" aria-label={words.send} disabled={isClosed || !text.trim()}>
        <svg viewBox="0 0 24 24" aria-hidden="true">
          <path d="M4 12h15M13 6l6 6-6 6" />
        </svg>
      </button>
    </form>
  );
}
