/** What the customer does besides writing, and the person of the business who answers in the provider's own app. */
import { useState } from "preact/hooks";
import type { TargetedEvent } from "preact";

import type { Language } from "../../src/locale";
import type { Screen } from "./screen";
import type { Phone } from "./simulator";
import { WORDS } from "./words";

export type Mode = "reads" | "ignores" | "off";
const MODES: readonly Mode[] = ["reads", "ignores", "off"];

interface ControlsProps {
  phone: Phone;
  screen: Screen;
  mode: Mode;
  /** The console's id of this conversation, null before anything was stored. */
  conversation: string | null;
  language: Language;
  onMode: (mode: Mode) => void;
  onAnew: () => void;
}

export function Controls({ phone, screen, mode, conversation, language, onMode, onAnew }: ControlsProps) {
  const { controls: words } = WORDS[language];
  const { kind } = phone.account;
  const block = () => void phone.turn({ blocked: !screen.blocked }).catch(() => undefined);
  return (
    <section class="card controls" aria-label={words.title}>
      <header>
        <h2>{words.title}</h2>
        <button type="button" class="quiet" onClick={onAnew}>
          {words.another}
        </button>
      </header>
      <p class="soft">
        {words.number} <bdi dir="ltr">{phone.chat}</bdi>
      </p>
      <div class="row">
        <fieldset class="modes">
          <legend class="only-spoken">{words.mode}</legend>
          {MODES.map((each) => (
            <label key={each}>
              <input type="radio" name="mode" checked={each === mode} onChange={() => onMode(each)} />
              <span>{words.modes[each]}</span>
            </label>
          ))}
        </fieldset>
        <button type="button" class="quiet" aria-pressed={screen.blocked} onClick={block}>
          {screen.blocked ? words.unblock : words.block}
        </button>
      </div>
      <p class="soft">{words.hints[kind]}</p>
      {(kind === "whatsapp" || kind === "instagram") && <ByHand phone={phone} language={language} />}
      <p class="to-console">
        {conversation ? (
          <a href={`/console/#/conversations/${conversation}`} target="_blank" rel="noopener">
            {words.inConsole}
          </a>
        ) : (
          <span class="soft">{words.notYetInConsole}</span>
        )}
      </p>
    </section>
  );
}

function ByHand({ phone, language }: { phone: Phone; language: Language }) {
  const { controls: words, kinds, phone: phoneWords } = WORDS[language];
  const [text, setText] = useState("");
  const [hasFailed, setFailed] = useState(false);

  function submit(event: TargetedEvent<HTMLFormElement>): void {
    event.preventDefault();
    const said = text.trim();
    if (!said) return;
    phone.answerByHand(said).then(
      () => {
        setText("");
        setFailed(false);
      },
      () => setFailed(true),
    );
  }

  return (
    <form class="by-hand-form" onSubmit={submit}>
      <label for="by-hand">{words.byHand(kinds[phone.account.kind])}</label>
      <div class="row">
        <input
          id="by-hand"
          autoComplete="off"
          dir={text ? "auto" : undefined}
          value={text}
          maxLength={1000}
          aria-describedby="by-hand-hint"
          onInput={(event) => setText(event.currentTarget.value)}
        />
        <button type="submit" class="quiet" disabled={!text.trim()}>
          {words.byHandSend}
        </button>
      </div>
      <span id="by-hand-hint" class="soft">
        {words.byHandHint}
      </span>
      {hasFailed && (
        <span class="problem" role="alert">
          {phoneWords.notSent.lost}
        </span>
      )}
    </form>
  );
}
