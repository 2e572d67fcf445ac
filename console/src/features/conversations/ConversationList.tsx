/** Which conversations there are, the newest first. The filter stands in the address, so that a view can be sent on. */
import { useInfiniteQuery } from "@tanstack/react-query";
import { formatMoment } from "@xin/widget/locale";

import { usePreferences, useWords } from "../../preferences";
import { QueryView } from "../../QueryView";
import { hashOf, STATUSES, type Route, type Status } from "../../route";
import { conversationsQuery, type Conversation } from "./api";
import { channelName } from "./channelName";

export function ConversationList({ route }: { route: Extract<Route, { screen: "conversations" }> }) {
  const { conversations: words, states } = useWords();
  const { status } = route;
  const query = useInfiniteQuery(conversationsQuery(status));
  const toStatus = (wanted: Status | null) => hashOf({ ...route, status: wanted });
  return (
    <>
      <nav className="filters" aria-label={words.filter}>
        {[null, ...STATUSES].map((each) => (
          <a key={each ?? "all"} href={toStatus(each)} aria-current={each === status ? "true" : undefined}>
            {each ? words.status[each] : words.all}
          </a>
        ))}
      </nav>
      <QueryView query={query} empty={status ? words.emptyFiltered : words.empty}>
        {(conversations) => (
          <ul className="rows">
            {conversations.map((conversation) => (
              <Row key={conversation.id} conversation={conversation} route={route} />
            ))}
          </ul>
        )}
      </QueryView>
      {query.hasNextPage && (
        <button type="button" disabled={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>
          {states.more}
        </button>
      )}
    </>
  );
}

interface RowProps {
  conversation: Conversation;
  route: Extract<Route, { screen: "conversations" }>;
}

function Row({ conversation, route }: RowProps) {
  const words = useWords();
  const { language } = usePreferences();
  const { id, status, contact_name, channel_kind, last_text, updated_at } = conversation;
  return (
    <li>
      <a
        className="row"
        href={hashOf({ ...route, conversation: id })}
        aria-current={id === route.conversation ? "true" : undefined}
      >
        <span className="row-head">
          <bdi className="who">{contact_name || words.conversations.visitor}</bdi>
          <time dateTime={updated_at}>{formatMoment(updated_at, language)}</time>
        </span>
        <span className="row-text" dir="auto">
          {last_text}
        </span>
        <span className="row-foot">
          <span>{channelName(channel_kind, words)}</span>
          <span className={`badge is-${status}`}>{words.conversations.status[status]}</span>
        </span>
      </a>
    </li>
  );
}
