/** The phone itself: who answers, what was said, and a line to write on. */
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import type { ComponentChildren, TargetedEvent } from "preact";

import type { Language } from "../../src/locale";
import { Bubble, Refusal } from "./Bubble";
import type { Line } from "./line";
import type { Exchange, PhoneMessage, Screen } from "./screen";
import { NotTaken, type Phone } from "./simulator";
import { isTaken, subjectOf } from "./subject";
import { WORDS, type PhoneWords } from "./words";

interface PhoneScreenProps {
  phone: Phone;
  screen: Screen;
  line: Line;
  language: Language;
  /** Asks for the request that brought a message. */
  onDetails: (message: string) => void;
  onSwitchOn: () => void;
}

export function PhoneScreen({ phone, screen, line, language, onDetails, onSwitchOn }: PhoneScreenProps) {
  const { phone: words, kinds, shop, customer } = WORDS[language];
  const { kind, name } = phone.account;
  const isTyping = useTyping(screen.typingUntil);
  const boxRef = useEndOfLog(screen, isTyping);
  const [problem, setProblem] = useState("");

  async function attempt(action: Promise<unknown>): Promise<boolean> {
    setProblem("");
    return action.then(
      () => true,
      (error: unknown) => {
        setProblem(explain(error, words));
        return false;
      },
    );
  }
  const send = (text: string) => attempt(phone.write(text, customer));

  return (
    <div class={`phone is-${kind}`}>
      <div class="phone-head">
        <span class="avatar" aria-hidden="true">
          {(name || shop).charAt(0)}
        </span>
        <div>
          <strong>
            <bdi>{name || shop}</bdi>
          </strong>
          <span aria-live="polite">{isTyping && !screen.away ? words.typing : kinds[kind]}</span>
        </div>
      </div>
      {line !== "open" && (
        <p class="phone-note is-problem" role="status">
          {line === "lost" ? words.lost : words.unplugged}
        </p>
      )}
      <div ref={boxRef} class="phone-log" role="log" tabIndex={0} aria-label={words.log(kinds[kind])}>
        {screen.messages.length === 0 && <p class="hint">{words.empty}</p>}
        <ol>
          {timelineOf(screen).map((item) =>
            "role" in item ? (
              <Bubble
                key={item.role + item.id}
                kind={kind}
                message={item}
                isNotTaken={isNotTaken(item, screen.exchanges)}
                language={language}
                onDetails={onDetails}
                onPress={(button) =>
                  void (button.data === null ? send(button.title) : attempt(phone.press(button.data, button.title)))
                }
              />
            ) : (
              <Refusal key={`refused${item.at}`} exchange={item} words={words} />
            ),
          )}
          {screen.draft && <li class="is-business is-draft">{screen.draft}</li>}
        </ol>
        {isTyping && (
          <p class="dots" aria-hidden="true">
            <span />
            <span />
            <span />
          </p>
        )}
      </div>
      {problem && (
        <p class="phone-note is-problem" role="alert">
          {problem}
        </p>
      )}
      <Foot phone={phone} screen={screen} words={words} onSend={send} onSwitchOn={onSwitchOn} />
    </div>
  );
}

interface FootProps {
  phone: Phone;
  screen: Screen;
  words: PhoneWords;
  onSend: (text: string) => Promise<boolean>;
  onSwitchOn: () => void;
}

/** The line to write on, or what stands in the way of writing. */
function Foot({ phone, screen, words, onSend, onSwitchOn }: FootProps) {
  if (screen.away) {
    return (
      <Obstacle text={words.off}>
        <button type="button" onClick={onSwitchOn}>
          {words.switchOn}
        </button>
      </Obstacle>
    );
  }
  if (screen.blocked) {
    return (
      <Obstacle text={words.youBlocked}>
        <button type="button" onClick={() => void phone.turn({ blocked: false }).catch(() => undefined)}>
          {words.unblock}
        </button>
      </Obstacle>
    );
  }
  return (
    <>
      <div class="chips" role="group" aria-label={words.suggestions}>
        {words.questions.map((question) => (
          <button key={question} type="button" class="chip" onClick={() => void onSend(question)}>
            {question}
          </button>
        ))}
      </div>
      <Composer words={words} onSend={onSend} />
    </>
  );
}

function Obstacle({ text, children }: { text: string; children: ComponentChildren }) {
  return (
    <div class="obstacle">
      <p>{text}</p>
      {children}
    </div>
  );
}

/** A text that was not taken comes back into the line, unless something else was begun meanwhile. */
function Composer({ words, onSend }: { words: PhoneWords; onSend: (text: string) => Promise<boolean> }) {
  const [text, setText] = useState("");

  async function submit(event: TargetedEvent<HTMLFormElement>): Promise<void> {
    event.preventDefault();
    const said = text.trim();
    if (!said) return;
    setText("");
    if (!(await onSend(said))) setText((now) => now || said);
  }

  return (
    <form class="composer" onSubmit={(event) => void submit(event)}>
      <label class="only-spoken" for="phone-text">
        {words.write}
      </label>
      <input
        id="phone-text"
        autoComplete="off"
        // An empty field with dir=auto lays a Persian placeholder out from the wrong side.
        dir={text ? "auto" : undefined}
        placeholder={words.write}
        value={text}
        onInput={(event) => setText(event.currentTarget.value)}
      />
      <button type="submit" aria-label={words.send} disabled={!text.trim()}>
        <svg viewBox="0 0 24 24" aria-hidden="true">
          <path d="M4 12h15M13 6l6 6-6 6" />
        </svg>
      </button>
    </form>
  );
}

function explain(error: unknown, words: PhoneWords): string {
  const status = error instanceof NotTaken ? error.status : 0;
  if (status === 0 || status >= 500) return words.notSent.lost;
  return status === 422 || status === 413 ? words.notSent.tooLong : words.notSent.refused;
}

/** Messages, and between them the answers that the provider would not take. */
function timelineOf({ messages, exchanges }: Screen): (PhoneMessage | Exchange)[] {
  const refused = exchanges.filter(
    (exchange) => exchange.ours && exchange.status !== null && !isTaken(exchange) && subjectOf(exchange) === "answer",
  );
  return [...messages, ...refused].sort((one, other) => one.at - other.at);
}

/** The newest try to hand a customer's message to us failed. */
function isNotTaken({ role, id }: PhoneMessage, exchanges: readonly Exchange[]): boolean {
  if (role !== "customer") return false;
  const last = exchanges.findLast((exchange) => !exchange.ours && exchange.message === id);
  return last !== undefined && !isTaken(last);
}

/** Whether *until* is still ahead: it ends by itself, and nobody tells. */
function useTyping(until: number): boolean {
  const [ended, setEnded] = useState(0);
  useEffect(() => {
    const timer = setTimeout(() => setEnded(until), Math.max(0, until - Date.now()));
    return () => clearTimeout(timer);
  }, [until]);
  return until > ended;
}

function useEndOfLog(screen: Screen, isTyping: boolean) {
  const boxRef = useRef<HTMLDivElement>(null);
  const { messages, draft } = screen;
  useLayoutEffect(
    () => boxRef.current?.scrollTo({ top: boxRef.current.scrollHeight }),
    [messages.length, draft, isTyping],
  );
  return boxRef;
}
