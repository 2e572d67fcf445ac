/** The list of conversations, and the one that is open. On a narrow screen one at a time. */
import { useWords } from "../../preferences";
import type { Route } from "../../route";
import { ConversationList } from "./ConversationList";
import { Thread } from "./Thread";

export function ConversationsScreen({ route }: { route: Extract<Route, { screen: "conversations" }> }) {
  const { conversations: words } = useWords();
  return (
    <main className={`panes ${route.conversation ? "has-open" : ""}`}>
      <h1 className="only-spoken">{words.title}</h1>
      <section className="pane list-pane" aria-label={words.title}>
        <ConversationList route={route} />
      </section>
      <section className="pane thread-pane">
        {route.conversation ? (
          <Thread key={route.conversation} id={route.conversation} status={route.status} />
        ) : (
          <p className="state">{words.choose}</p>
        )}
      </section>
    </main>
  );
}
