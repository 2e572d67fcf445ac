/** One message on the phone, with what the provider tells of it. */
import { formatClock, type Language } from "../../src/locale";
import { buttonsOf, type Button, type Exchange, type PhoneMessage } from "./screen";
import type { PhoneKind } from "./simulator";
import { refusalOf } from "./subject";
import { WORDS, type PhoneWords } from "./words";

interface BubbleProps {
  kind: PhoneKind;
  message: PhoneMessage;
  isNotTaken: boolean;
  language: Language;
  onDetails: (message: string) => void;
  onPress: (button: Button) => void;
}

export function Bubble({ kind, message, isNotTaken, language, onDetails, onPress }: BubbleProps) {
  const { phone: words } = WORDS[language];
  const { id, role, text, arrival, by_hand } = message;
  const at = new Date(message.at * 1000).toISOString();
  const buttons = role === "business" ? buttonsOf(message.markup) : [];
  return (
    <li class={`is-${role} ${arrival === "here" ? "" : "is-elsewhere"}`}>
      {by_hand && <span class="by-hand">{words.byHand}</span>}
      <p dir="auto">{text}</p>
      {buttons.length > 0 && (
        <div class="buttons">
          {buttons.map((button, index) => (
            <button key={index} type="button" dir="auto" onClick={() => onPress(button)}>
              {button.title}
            </button>
          ))}
        </div>
      )}
      {arrival !== "here" && <span class="arrival">{words[arrival]}</span>}
      {isNotTaken && <span class="arrival">{words.notTaken}</span>}
      <span class="meta">
        <time dateTime={at}>{formatClock(at, language)}</time>
        <Mark kind={kind} message={message} words={words} />
        {!by_hand && (
          <button type="button" class="details" onClick={() => onDetails(id)}>
            {role === "business" ? words.details : words.cameIn}
          </button>
        )}
      </span>
    </li>
  );
}

/** Answers carry what we are told; a customer's own message, what the customer is shown. */
function Mark({ kind, message, words }: { kind: PhoneKind; message: PhoneMessage; words: PhoneWords }) {
  const { role, status } = message;
  if (role === "customer") {
    const isRead = status === "read";
    return (
      <span class={`mark ${isRead ? "is-read" : ""}`}>
        <Ticks count={isRead ? 2 : 1} /> {isRead ? words.customerMarks.read : words.customerMarks.sent}
      </span>
    );
  }
  const tellsMore = kind === "whatsapp" || kind === "instagram";
  const known = status === "sent" && !tellsMore ? "taken" : status;
  if (!(known in words.marks)) return null;
  return (
    <span class={`mark is-${known}`}>
      {known !== "failed" && <Ticks count={known === "delivered" || known === "read" ? 2 : 1} />}{" "}
      {words.marks[known as keyof typeof words.marks]}
    </span>
  );
}

function Ticks({ count }: { count: 1 | 2 }) {
  return (
    <svg class="ticks" viewBox="0 0 22 12" aria-hidden="true">
      <path d={count === 2 ? "M2 7l4 4 8-10M9 10l1 1 8-10" : "M4 7l4 4 8-10"} />
    </svg>
  );
}

/** An answer that the provider would not take. The customer doesn't see this; whoever plays here should. */
export function Refusal({ exchange, words }: { exchange: Exchange; words: PhoneWords }) {
  const reason = refusalOf(exchange) || String(exchange.status);
  return (
    <li class="is-refusal">
      {words.refused}
      <span dir="ltr">{reason}</span>
    </li>
  );
}
