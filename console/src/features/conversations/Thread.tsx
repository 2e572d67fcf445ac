/** One conversation: what was said, who answers, and a line to write on. */
import { useEffect, useRef } from "react";
import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { formatClock } from "@xin/widget/locale";

import { useOwnId } from "../../api/me";
import { usePreferences, useWords } from "../../preferences";
import { QueryView } from "../../QueryView";
import { hashOf, type Status } from "../../route";
import { conversationQuery, messagesQuery, release, resolve, takeOver, type Conversation, type Message } from "./api";
import { channelName } from "./channelName";
import { conflictOf } from "./conflict";
import { Reply } from "./Reply";

export function Thread({ id, status }: { id: string; status: Status | null }) {
  const words = useWords();
  const conversation = useQuery(conversationQuery(id));
  const messages = useInfiniteQuery(messagesQuery(id));
  const lastSeq = messages.data?.at(-1)?.seq ?? 0;
  return (
    <>
      <header className="thread-head">
        <a className="back" href={hashOf({ screen: "conversations", conversation: null, status })}>
          {words.conversations.back}
        </a>
        {conversation.data && <Title conversation={conversation.data} />}
        {conversation.data && <Ownership conversation={conversation.data} seen={lastSeq} />}
      </header>
      <QueryView query={messages} empty={words.thread.empty}>
        {(items) => (
          <MessageLog items={items} onEarlier={messages.hasNextPage ? () => void messages.fetchNextPage() : null} />
        )}
      </QueryView>
      {conversation.data && <Reply conversation={conversation.data} />}
    </>
  );
}

function Title({ conversation }: { conversation: Conversation }) {
  const words = useWords();
  return (
    <div>
      <h2>
        <bdi>{conversation.contact_name || words.conversations.visitor}</bdi>
      </h2>
      <span className="soft">{channelName(conversation.channel_kind, words)}</span>{" "}
      <span className={`badge is-${conversation.status}`}>{words.conversations.status[conversation.status]}</span>
    </div>
  );
}

function Ownership({ conversation, seen }: { conversation: Conversation; seen: number }) {
  const words = useWords();
  const queries = useQueryClient();
  const ownId = useOwnId();
  const change = useMutation({
    mutationFn: (action: () => Promise<unknown>) => action(),
    onSettled: () => queries.invalidateQueries({ queryKey: ["conversations"] }),
  });
  const { id, status } = conversation;
  const isMine = status === "human" && conversation.owner_id === ownId;
  return (
    <div className="ownership">
      {!isMine && (
        <button type="button" disabled={change.isPending} onClick={() => change.mutate(() => takeOver(id))}>
          {words.thread.takeOver}
        </button>
      )}
      {status === "human" && (
        <button type="button" disabled={change.isPending} onClick={() => change.mutate(() => release(id))}>
          {words.thread.release}
        </button>
      )}
      {status !== "resolved" && (
        <button type="button" disabled={change.isPending} onClick={() => change.mutate(() => resolve(id, seen))}>
          {words.thread.resolve}
        </button>
      )}
      {change.isError && (
        <p className="error" role="alert">
          {conflictOf(change.error, words) || words.states.failed}
        </p>
      )}
    </div>
  );
}

function MessageLog({ items, onEarlier }: { items: Message[]; onEarlier: (() => void) | null }) {
  const { thread: words } = useWords();
  const logRef = useRef<HTMLDivElement>(null);
  const newest = items.at(-1)?.seq;

  useEffect(() => {
    logRef.current?.scrollTo({ top: logRef.current.scrollHeight });
  }, [newest]);

  return (
    <div className="log" role="log" aria-label={words.log} tabIndex={0} ref={logRef}>
      {onEarlier && (
        <button type="button" onClick={onEarlier}>
          {words.earlier}
        </button>
      )}
      <ol>
        {items.map((message) => (
          <Bubble key={message.id} message={message} />
        ))}
      </ol>
    </div>
  );
}

function Bubble({ message }: { message: Message }) {
  const { thread: words } = useWords();
  const { language } = usePreferences();
  const { role, status, author, sources } = message;
  const delivery = status && status in words.delivery ? words.delivery[status as keyof typeof words.delivery] : "";
  return (
    <li className={`bubble is-${role}`}>
      <span className="name">{author?.name || words.roles[role]}</span>
      <p dir="auto">{message.text}</p>
      {sources.length > 0 && (
        <ul className="sources" aria-label={words.sources}>
          {sources.map(({ asset_id, title, place }) => (
            <li key={`${asset_id}:${place}`}>
              <bdi>{title}</bdi> {place && <bdi>({place})</bdi>}
            </li>
          ))}
        </ul>
      )}
      <span className="meta">
        <time dateTime={message.at}>{formatClock(message.at, language)}</time>
        {delivery && <span className={`delivery is-${status}`}>{delivery}</span>}
        {message.maybe_twice && <span>{words.maybeTwice}</span>}
        {message.reason && <bdi>{message.reason}</bdi>}
      </span>
    </li>
  );
}
