/** What a phone's screen and the wire beside it show, and how each thing that the simulator tells changes it. Pure. */

export interface PhoneMessage {
  id: string;
  role: "customer" | "business";
  text: string;
  /** Seconds since 1970. */
  at: number;
  /** What the provider tells of it: sent, delivered, read, failed; empty where it tells nothing. */
  status: string;
  /** Whether it is on the phone: that one may be off, or the business blocked. */
  arrival: "here" | "waits" | "never";
  /** A person of the business wrote it in the provider's own app. */
  by_hand: boolean;
  markup: unknown;
}

/** One request between the platform and the provider, and its answer. */
export interface Exchange {
  at: number;
  /** We called the provider; otherwise it posted to our webhook. */
  ours: boolean;
  method: string;
  path: string;
  body: unknown;
  /** Null: no answer came. */
  status: number | null;
  answer: unknown;
  /** The message that it made or speaks of, or an empty text. */
  message: string;
  ms: number;
}

export interface Screen {
  messages: readonly PhoneMessage[];
  exchanges: readonly Exchange[];
  /** Until when the business is shown as typing, in milliseconds of this page's clock. */
  typingUntil: number;
  /** The beginning of an answer that is still being written. */
  draft: string;
  blocked: boolean;
  away: boolean;
}

export const BLANK: Screen = {
  messages: [],
  exchanges: [],
  typingUntil: 0,
  draft: "",
  blocked: false,
  away: false,
};

interface Snapshot {
  messages: PhoneMessage[];
  exchanges: Exchange[];
  typing_seconds: number;
  draft: string;
  blocked: boolean;
  away: boolean;
}

/** As many of each as the simulator keeps. */
const MESSAGES = 200;
const EXCHANGES = 80;

/** *data* is the event's, parsed; *now* in milliseconds. An event that we don't know changes nothing. */
export function changed(screen: Screen, event: string, data: unknown, now: number): Screen {
  switch (event) {
    case "chat": {
      const { typing_seconds, messages, exchanges, draft, blocked, away } = data as Snapshot;
      return {
        messages,
        exchanges,
        draft,
        blocked,
        away,
        typingUntil: typing_seconds > 0 ? now + typing_seconds * 1000 : 0,
      };
    }
    case "message":
      return added(screen, data as PhoneMessage);
    case "mark":
    case "edit":
      return {
        ...screen,
        messages: screen.messages.map((old) => (isSame(old, data as PhoneMessage) ? (data as PhoneMessage) : old)),
      };
    case "exchange":
      return { ...screen, exchanges: [...screen.exchanges, data as Exchange].slice(-EXCHANGES) };
    case "typing": {
      const { seconds } = data as { seconds: number };
      return { ...screen, typingUntil: seconds > 0 ? now + seconds * 1000 : 0 };
    }
    case "draft":
      return { ...screen, draft: (data as { text: string }).text };
    case "state":
      return { ...screen, ...(data as Pick<Screen, "blocked" | "away">) };
    default:
      return screen;
  }
}

/** What the business sent ends what it was typing. */
function added(screen: Screen, message: PhoneMessage): Screen {
  if (screen.messages.some((old) => isSame(old, message))) return screen;
  const messages = [...screen.messages, message].slice(-MESSAGES);
  return message.role === "customer" ? { ...screen, messages } : { ...screen, messages, typingUntil: 0, draft: "" };
}

function isSame(one: PhoneMessage, other: PhoneMessage): boolean {
  return one.id === other.id && one.role === other.role;
}

/** The newest message that the customer finds unread on the screen: looking at it is what a provider would tell of. */
export function newestUnread({ messages, away, blocked }: Screen): string | null {
  if (away || blocked) return null;
  const unread = messages.findLast(
    ({ role, arrival, status }) =>
      role === "business" && arrival === "here" && (status === "sent" || status === "delivered"),
  );
  return unread?.id ?? null;
}

export interface Button {
  title: string;
  /** What is sent when it is tapped; null for one that only writes its title. */
  data: string | null;
}

/** The buttons under a message, in any provider's form. One that opens a link is none: nothing is sent. */
export function buttonsOf(markup: unknown): Button[] {
  if (Array.isArray(markup)) return markup.flatMap(quickReply);
  const { inline_keyboard, keyboard, action } = fields(markup);
  if (Array.isArray(inline_keyboard)) return inline_keyboard.flat().flatMap(inlineButton);
  if (Array.isArray(keyboard)) return keyboard.flat().flatMap(keyboardButton);
  const { buttons } = fields(action);
  return Array.isArray(buttons) ? buttons.flatMap(replyButton) : [];
}

/** https://core.telegram.org/bots/api#inlinekeyboardbutton */
function inlineButton(button: unknown): Button[] {
  const { text, callback_data } = fields(button);
  return typeof text === "string" && typeof callback_data === "string" ? [{ title: text, data: callback_data }] : [];
}

/** https://core.telegram.org/bots/api#keyboardbutton */
function keyboardButton(button: unknown): Button[] {
  const title = typeof button === "string" ? button : fields(button).text;
  return typeof title === "string" ? [{ title, data: null }] : [];
}

/** WhatsApp's reply buttons, in `interactive.action.buttons`. */
function replyButton(button: unknown): Button[] {
  const { id, title } = fields(fields(button).reply);
  return typeof id === "string" && typeof title === "string" ? [{ title, data: id }] : [];
}

/** Instagram's quick replies. */
function quickReply(button: unknown): Button[] {
  const { title, payload } = fields(button);
  return typeof title === "string" && typeof payload === "string" ? [{ title, data: payload }] : [];
}

function fields(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
}
