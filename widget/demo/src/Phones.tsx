/** A simulated phone with one tab for every messenger that the demo tenant has connected. */
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import type { TargetedEvent, TargetedKeyboardEvent } from "preact";

import { formatClock, type Language } from "../../src/locale";
import { listAccounts, ownChat, Phone, type Account, type PhoneMessage, type Screen } from "./simulator";
import { WORDS, type Words } from "./words";

const BLANK: Screen = { messages: [], typing: false };

export function Phones({ language }: { language: Language }) {
  const words = WORDS[language];
  const [accounts, setAccounts] = useState<Account[]>([]);
  const [isAway, setAway] = useState(false);
  const [chosen, setChosen] = useState(0);
  const account = accounts[chosen];

  useEffect(() => {
    listAccounts().then(setAccounts, () => setAway(true));
  }, []);

  function moveByArrow(event: TargetedKeyboardEvent<HTMLButtonElement>): void {
    const forward = language === "fa" ? "ArrowLeft" : "ArrowRight";
    if (event.key !== "ArrowLeft" && event.key !== "ArrowRight") return;
    const next = (chosen + (event.key === forward ? 1 : accounts.length - 1)) % accounts.length;
    setChosen(next);
    event.currentTarget.parentElement?.querySelectorAll("button")[next]?.focus();
  }

  return (
    <section class="phones">
      <div>
        <h2>{words.phonesTitle}</h2>
        <p class="soft">{isAway ? words.phonesAway : words.phonesHint}</p>
        <div class="tabs" role="tablist" aria-label={words.phonesTitle}>
          {accounts.map((each, index) => (
            <button
              key={each.key}
              type="button"
              role="tab"
              id={`tab-${each.key}`}
              aria-controls="phone"
              aria-selected={index === chosen}
              tabIndex={index === chosen ? 0 : -1}
              data-kind={each.kind}
              onClick={() => setChosen(index)}
              onKeyDown={moveByArrow}
            >
              {words.kinds[each.kind]}
            </button>
          ))}
        </div>
      </div>
      {account && <PhoneScreen key={account.key} account={account} language={language} />}
    </section>
  );
}

function PhoneScreen({ account, language }: { account: Account; language: Language }) {
  const words = WORDS[language];
  const phone = useMemo(() => new Phone(account, ownChat(account)), [account]);
  const [screen, setScreen] = useState(BLANK);
  const [hasFailed, setFailed] = useState(false);
  const log = useRef<HTMLDivElement>(null);

  useEffect(() => phone.watch(() => void phone.look().then(setScreen, () => undefined)), [phone]);
  useEffect(() => log.current?.scrollTo({ top: log.current.scrollHeight }), [screen]);

  const send = (text: string) =>
    phone.write(text).then(
      () => setFailed(false),
      () => setFailed(true),
    );

  return (
    <div class={`phone is-${account.kind}`} role="tabpanel" id="phone" aria-labelledby={`tab-${account.key}`}>
      <div class="phone-head">
        <strong>
          <bdi>{account.name || words.shop}</bdi>
        </strong>
        <span>{screen.typing ? words.typing : words.kinds[account.kind]}</span>
      </div>
      <div ref={log} class="phone-log" role="log" tabIndex={0} aria-label={words.phoneLog(words.kinds[account.kind])}>
        {screen.messages.length === 0 && <p class="hint">{words.emptyPhone}</p>}
        <ol>
          {screen.messages.map((message) => (
            <PhoneBubble key={message.role + message.id} message={message} words={words} language={language} />
          ))}
        </ol>
      </div>
      <div class="chips">
        {words.questions.map((question) => (
          <button key={question} type="button" class="chip" onClick={() => void send(question)}>
            {question}
          </button>
        ))}
      </div>
      {hasFailed && (
        <p class="failed" role="alert">
          {words.notSent}
        </p>
      )}
      <PhoneComposer words={words} onSend={send} />
    </div>
  );
}

interface PhoneBubbleProps {
  message: PhoneMessage;
  words: Words;
  language: Language;
}

function PhoneBubble({ message, words, language }: PhoneBubbleProps) {
  const at = new Date(message.at * 1000).toISOString();
  return (
    <li class={`is-${message.role}`}>
      <p dir="auto">{message.text}</p>
      <span class="meta">
        <time dateTime={at}>{formatClock(at, language)}</time>
        {message.role === "customer" && message.status && <span>{words.marks[message.status]}</span>}
      </span>
    </li>
  );
}

function PhoneComposer({ words, onSend }: { words: Words; onSend: (text: string) => Promise<void> }) {
  const [text, setText] = useState("");

  function submit(event: TargetedEvent<HTMLFormElement>): void {
    event.preventDefault();
    if (!text.trim()) return;
    void onSend(text.trim());
    setText("");
  }

  return (
    <form onSubmit={submit}>
      <label class="only-spoken" for="phone-text">
        {words.write}
      </label>
      <input
        id="phone-text"
        autoComplete="off"
        dir={text ? "auto" : undefined}
        placeholder={words.write}
        value={text}
        onInput={(event) => setText(event.currentTarget.value)}
      />
      <button type="submit" disabled={!text.trim()}>
        {words.send}
      </button>
    </form>
  );
}
