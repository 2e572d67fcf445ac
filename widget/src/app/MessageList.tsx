/** What was said. It stays at the newest message while the reader is there; else it offers the way down. */
import { useLayoutEffect, useRef, useState } from "preact/hooks";

import { formatClock, type Language } from "../locale";
import type { Conversation, Message, Outgoing } from "./conversation";
import { WORDS, type Words } from "./words";

interface MessageListProps {
  conversation: Conversation;
  greeting: string;
  language: Language;
  onRetry: (key: string) => void;
}

/** Pixels from the end that still count as being there. */
const NEAR = 80;

export function MessageList({ conversation, greeting, language, onRetry }: MessageListProps) {
  const { messages, outgoing, draft, typing } = conversation;
  const words = WORDS[language];
  const { boxRef, hasMore, goToEnd, noteScroll } = useEndOfList(conversation);

  return (
    <div class="thread">
      <div class="scroll" role="log" aria-label={words.log} tabIndex={0} ref={boxRef} onScroll={noteScroll}>
        <p class="greeting">{greeting}</p>
        <ol>
          {messages.map((message) => (
            <StoredBubble key={message.client_msg_id ?? message.id} message={message} language={language} />
          ))}
          {outgoing.map((mine) => (
            <OutgoingBubble key={mine.key} mine={mine} words={words} onRetry={onRetry} />
          ))}
        </ol>
        {/* Hidden from screen readers: they hear the finished answer once, not every sentence of it. */}
        {draft && (
          <div class="bubble is-bot" aria-hidden="true">
            <span class="name">{words.names.bot}</span>
            <p dir="auto">{draft.text}</p>
          </div>
        )}
        {(typing === "bot" || typing === "operator") && <p class="typing">{words.typing[typing]}</p>}
      </div>
      {hasMore && (
        <button type="button" class="to-end" onClick={goToEnd}>
          {words.newMessages}
        </button>
      )}
    </div>
  );
}

function StoredBubble({ message, language }: { message: Message; language: Language }) {
  const words = WORDS[language];
  if (message.role === "system") {
    return (
      <li class="notice" dir="auto">
        {message.text}
      </li>
    );
  }
  return (
    <li class={`bubble is-${message.role}`}>
      <span class="name">{words.names[message.role]}</span>
      <p dir="auto">{message.text}</p>
      {message.sources.length > 0 && <Sources message={message} words={words} />}
      <span class="meta">
        <time dateTime={message.at}>{formatClock(message.at, language)}</time>
        {message.role === "customer" && <span>{words.sent}</span>}
      </span>
    </li>
  );
}

function Sources({ message, words }: { message: Message; words: Words }) {
  return (
    <div class="sources">
      <span>{words.sources}</span>
      <ul>
        {message.sources.map(({ asset_id, title, place }) => (
          <li key={`${asset_id}:${place}`}>
            <bdi>{title}</bdi>
            {place && <bdi class="place">{place}</bdi>}
          </li>
        ))}
      </ul>
    </div>
  );
}

function OutgoingBubble({ mine, words, onRetry }: { mine: Outgoing; words: Words; onRetry: (key: string) => void }) {
  const isFailed = mine.state === "failed";
  return (
    <li class={`bubble is-customer is-${mine.state}`}>
      <span class="name">{words.names.customer}</span>
      <p dir="auto">{mine.text}</p>
      <span class="meta">
        <span>{isFailed ? words.failed : words.sending}</span>
        {isFailed && (
          <button type="button" onClick={() => onRetry(mine.key)}>
            {words.retry}
          </button>
        )}
      </span>
    </li>
  );
}

/** Keeps the list at its end while the reader is there, and always after the visitor's own message. */
function useEndOfList(conversation: Conversation) {
  const boxRef = useRef<HTMLDivElement>(null);
  const isAtEndRef = useRef(true);
  const newestOwn = conversation.outgoing.at(-1)?.key;
  const newestOwnRef = useRef(newestOwn);
  const [hasMore, setHasMore] = useState(false);

  function goToEnd(): void {
    boxRef.current?.scrollTo({ top: boxRef.current.scrollHeight });
    setHasMore(false);
  }

  function noteScroll(): void {
    const list = boxRef.current;
    if (!list) return;
    isAtEndRef.current = list.scrollHeight - list.scrollTop - list.clientHeight < NEAR;
    if (isAtEndRef.current) setHasMore(false);
  }

  useLayoutEffect(() => {
    const wroteSomething = newestOwn !== undefined && newestOwn !== newestOwnRef.current;
    newestOwnRef.current = newestOwn;
    if (isAtEndRef.current || wroteSomething) goToEnd();
    else setHasMore(true);
  }, [conversation, newestOwn]);

  return { boxRef, hasMore, goToEnd, noteScroll };
}
