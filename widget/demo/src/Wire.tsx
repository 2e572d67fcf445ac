/** What passes between us and a provider, request by request; behind each its body and the answer. */
import { useEffect, useRef } from "preact/hooks";
import type { ComponentChildren } from "preact";

import { formatClock, formatNumber, type Language } from "../../src/locale";
import { piecesOf } from "./json";
import type { Exchange } from "./screen";
import { isTaken, subjectOf } from "./subject";
import type { WireWords } from "./words";

interface WireProps {
  words: WireWords;
  language: Language;
  hint: string;
  /** Where our calls would go. */
  host: string;
  exchanges: readonly Exchange[];
  /** The message whose requests are to be shown; `count` tells one wish from the same again. */
  chosen: { message: string; count: number } | null;
}

export function Wire({ words, language, hint, host, exchanges, chosen }: WireProps) {
  const message = chosen?.message;
  const shown = exchanges.find((exchange) => exchange.message === message && message);
  return (
    <WireCard title={words.title} hint={hint} empty={words.empty} length={exchanges.length}>
      {exchanges.map((exchange, index) => (
        <WireItem
          key={`${exchange.at}:${index}`}
          isOurs={exchange.ours}
          direction={exchange.ours ? words.ours : words.theirs}
          title={words.subjects[subjectOf(exchange)]}
          at={new Date(exchange.at * 1000).toISOString()}
          language={language}
          chosenBy={exchange === shown ? (chosen?.count ?? null) : null}
          outcome={
            <span class={`code ${isTaken(exchange) ? "" : "is-problem"}`}>
              {exchange.status === null ? words.noAnswer : formatNumber(exchange.status, language)}
            </span>
          }
        >
          <p class="address" dir="ltr">
            <b>{exchange.method}</b>{" "}
            <span>
              {exchange.ours && <span class="soft">https://{host}</span>}
              <wbr />
              {exchange.path}
            </span>
          </p>
          <Json label={exchange.ours ? words.request : words.webhook} value={exchange.body} nothing={words.nothing} />
          <Json
            label={
              exchange.status === null
                ? words.noAnswer
                : words.answer(formatNumber(exchange.status, language), formatNumber(exchange.ms, language))
            }
            value={exchange.answer}
            nothing={words.nothing}
          />
        </WireItem>
      ))}
    </WireCard>
  );
}

interface WireCardProps {
  title: string;
  hint: string;
  empty: string;
  length: number;
  children: ComponentChildren;
}

/** The list, which stays at its newest. */
export function WireCard({ title, hint, empty, length, children }: WireCardProps) {
  const boxRef = useRef<HTMLDivElement>(null);
  useEffect(() => boxRef.current?.scrollTo({ top: boxRef.current.scrollHeight }), [length]);
  return (
    <section class="card wire" aria-label={title}>
      <header>
        <h2>{title}</h2>
      </header>
      <p class="soft">{hint}</p>
      <div ref={boxRef} class="wire-log" role="log" tabIndex={0} aria-label={title}>
        {length === 0 && <p class="hint">{empty}</p>}
        <ol>{children}</ol>
      </div>
    </section>
  );
}

interface WireItemProps {
  isOurs: boolean;
  direction: string;
  title: string;
  /** ISO 8601. */
  at: string;
  language: Language;
  /** Anything new opens the item and brings it into view; null leaves it alone. */
  chosenBy: number | null;
  outcome?: ComponentChildren;
  children: ComponentChildren;
}

export function WireItem({ isOurs, direction, title, at, language, chosenBy, outcome, children }: WireItemProps) {
  const itemRef = useRef<HTMLDetailsElement>(null);
  useEffect(() => {
    if (chosenBy === null || !itemRef.current) return;
    itemRef.current.open = true;
    itemRef.current.scrollIntoView({ block: "nearest" });
    itemRef.current.querySelector("summary")?.focus({ preventScroll: true });
  }, [chosenBy]);
  return (
    <li>
      <details ref={itemRef} class={isOurs ? "is-ours" : "is-theirs"}>
        <summary>
          <svg viewBox="0 0 24 24" aria-hidden="true">
            <path d="M4 12h15M13 6l6 6-6 6" />
          </svg>
          <span class="only-spoken">{direction}:</span>
          <span class="subject">{title}</span>
          <time dateTime={at}>{formatClock(at, language)}</time>
          {outcome}
        </summary>
        {children}
      </details>
    </li>
  );
}

export function Json({ label, value, nothing }: { label: string; value: unknown; nothing: string }) {
  const isEmpty = value === null || value === "";
  return (
    <>
      <h3>{label}</h3>
      {isEmpty ? (
        <p class="soft">{nothing}</p>
      ) : (
        <pre dir="ltr">
          {piecesOf(value).map(({ text, isString }, index) => (isString ? <Said key={index} text={text} /> : text))}
        </pre>
      )}
    </>
  );
}

/** A string laid out in its own direction, but for its escapes, which are code. */
function Said({ text }: { text: string }) {
  return (
    <bdi>
      {text.split(/((?:\\.)+)/).map((part, index) =>
        index % 2 ? (
          <bdi key={index} dir="ltr" class="escape">
            {part}
          </bdi>
        ) : (
          part
        ),
      )}
    </bdi>
  );
}
