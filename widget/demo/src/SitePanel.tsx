/** The shop's site in a phone, with the widget on it, and what leaves for the visitor's browser. */
import { useEffect, useMemo, useState } from "preact/hooks";

import type { Language } from "../../src/locale";
import type { Config } from "./config";
import { watchLine, type Line } from "./line";
import { Visitor, type LiveEvent } from "./visitor";
import { Json, WireCard, WireItem } from "./Wire";
import { WORDS, type SiteWords } from "./words";

const EVENTS = 80;

export function SitePanel({ config, language }: { config: Config; language: Language }) {
  const { site: words, phone, wire, controls } = WORDS[language];
  const visitor = useMemo(() => new Visitor(config, language), [config, language]);
  const [count, setCount] = useState(0);
  const { conversation, events, line } = useVisitor(visitor, count);

  function startAnew(): void {
    visitor.forget();
    setCount((now) => now + 1);
  }

  return (
    <div class="panel">
      <div class="phone is-web">
        <iframe key={count} title={words.frame} src={`/demo/shop/?lang=${language}`} />
      </div>
      <div class="beside">
        <section class="card controls" aria-label={words.controls}>
          <header>
            <h2>{words.controls}</h2>
            <button type="button" class="quiet" onClick={startAnew}>
              {words.another}
            </button>
          </header>
          <p class="to-console">
            {conversation ? (
              <a href={`/console/#/conversations/${conversation}`} target="_blank" rel="noopener">
                {controls.inConsole}
              </a>
            ) : (
              <span class="soft">{controls.notYetInConsole}</span>
            )}
          </p>
        </section>
        {line !== "open" && (
          <p class="banner" role="status">
            {phone.lost}
          </p>
        )}
        <WireCard title={words.title} hint={words.hint} empty={words.empty} length={events.length}>
          {events.map((event, index) => (
            <WireItem
              key={`${event.at}:${index}`}
              isOurs
              direction={words.title}
              title={titleOf(event, words)}
              at={new Date(event.at).toISOString()}
              language={language}
              chosenBy={null}
            >
              <p class="address" dir="ltr">
                <b>event:</b> <span>{event.name}</span>
              </p>
              <Json label={words.event} value={event.data} nothing={wire.nothing} />
            </WireItem>
          ))}
        </WireCard>
      </div>
    </div>
  );
}

function titleOf({ name, data }: LiveEvent, { names, roles }: SiteWords): string {
  const role = typeof data === "object" && data !== null && "role" in data ? String(data.role) : "";
  return (name === "message.created" ? roles[role] : names[name]) ?? name;
}

interface Seen {
  conversation: string | null;
  events: LiveEvent[];
  line: Line;
}

/** *count* changes when the visitor is another one. */
function useVisitor(visitor: Visitor, count: number): Seen {
  const [conversation, setConversation] = useState<string | null>(null);
  const [events, setEvents] = useState<LiveEvent[]>([]);
  const [line, setLine] = useState<Line>("open");
  useEffect(() => {
    const watch = watchLine(setLine);
    setConversation(null);
    setEvents([]);
    const stop = visitor.watch({
      onConversation: setConversation,
      onEvent: (event) => setEvents((now) => [...now, event].slice(-EVENTS)),
      onState: watch.onState,
    });
    return () => {
      watch.stop();
      stop();
    };
  }, [visitor, count]);
  return { conversation, events, line };
}
