/**
 * What the visitor sees of the conversation, and how each thing that happens changes it. Pure: state in, state out.
 *
 * A bot's turn is known by (epoch, n). Sentences of a turn arrive before the turn is stored; they are shown only while
 * their turn is above the highest one that was finished or retracted, so a late or doubled sentence can't come back.
 */

export type Role = "customer" | "bot" | "operator" | "system";

export interface Source {
  asset_id: string;
  title: string;
  place: string;
}

export interface Message {
  id: string;
  seq: number;
  role: Role;
  text: string;
  at: string;
  sources: Source[];
  client_msg_id?: string | null;
  epoch?: number | null;
  n?: number | null;
}

/** A message of the visitor's that the server hasn't acknowledged. */
export interface Outgoing {
  key: string;
  text: string;
  at: string;
  state: "sending" | "failed";
}

export interface Turn {
  epoch: number;
  n: number;
}

/** Sentences of a turn that isn't stored yet. */
export interface Draft extends Turn {
  text: string;
}

export interface Conversation {
  messages: readonly Message[];
  outgoing: readonly Outgoing[];
  draft: Draft | null;
  /** The highest turn finished or retracted. */
  settled: Turn;
  typing: Role | null;
}

export const EMPTY: Conversation = {
  messages: [],
  outgoing: [],
  draft: null,
  settled: { epoch: 0, n: 0 },
  typing: null,
};

/** A stored message came, by whichever way and however often. */
export function received(state: Conversation, message: Message): Conversation {
  const known = state.messages.some((other) => other.id === message.id);
  const messages = known ? state.messages : [...state.messages, message].sort((a, b) => a.seq - b.seq);
  const outgoing = state.outgoing.filter((mine) => mine.key !== message.client_msg_id);
  const next = { ...state, messages, outgoing, typing: state.typing === message.role ? null : state.typing };
  if (message.role !== "bot") return next;
  const turn = turnOf(message);
  // A stored turn replaces its own sentences. Without a number it can only be the one that was being written.
  return turn ? settle(next, turn) : { ...next, draft: known ? next.draft : null };
}

/** One checked sentence of a turn. */
export function streamed(state: Conversation, sentence: Draft): Conversation {
  if (!isAbove(sentence, state.settled)) return state;
  const { draft } = state;
  if (draft && isAbove(draft, sentence)) return state;
  const text = draft && isSame(draft, sentence) ? draft.text + sentence.text : sentence.text;
  return { ...state, draft: { epoch: sentence.epoch, n: sentence.n, text }, typing: null };
}

/** Everything below *epoch* is void: a person took over, or another holder began anew. Keep-alives repeat it. */
export function retracted(state: Conversation, epoch: number): Conversation {
  return settle(state, { epoch: epoch - 1, n: Number.MAX_SAFE_INTEGER });
}

/** The line broke: sentences may have been missed, so what was being written is shown again only when it is stored. */
export function interrupted(state: Conversation): Conversation {
  const calm = { ...state, typing: null };
  return state.draft ? settle(calm, state.draft) : calm;
}

/** Somebody is writing. Ignored while their words are already appearing. */
export function typing(state: Conversation, role: Role | null): Conversation {
  return state.draft || state.typing === role ? state : { ...state, typing: role };
}

/** The visitor sent *text*, or tries again with the same *key*. */
export function wrote(state: Conversation, key: string, text: string, at: string): Conversation {
  const others = state.outgoing.filter((mine) => mine.key !== key);
  return { ...state, outgoing: [...others, { key, text, at, state: "sending" }] };
}

/** The server has it. */
export function accepted(state: Conversation, key: string, stored: { id: string; seq: number }): Conversation {
  const mine = state.outgoing.find((other) => other.key === key);
  if (!mine) return state; // its stored copy came first
  const { text, at } = mine;
  return received(state, { ...stored, role: "customer", text, at, sources: [], client_msg_id: key });
}

/** The server hasn't, or we can't know. */
export function failed(state: Conversation, key: string): Conversation {
  const outgoing = state.outgoing.map((mine) => (mine.key === key ? { ...mine, state: "failed" as const } : mine));
  return { ...state, outgoing };
}

/** The newest seq we hold, to go on from. */
export function lastSeq(state: Conversation): number {
  return state.messages.at(-1)?.seq ?? 0;
}

function settle(state: Conversation, turn: Turn): Conversation {
  const settled = isAbove(turn, state.settled) ? { epoch: turn.epoch, n: turn.n } : state.settled;
  const draft = state.draft && isAbove(state.draft, settled) ? state.draft : null;
  return { ...state, settled, draft };
}

function turnOf(message: Message): Turn | null {
  return message.epoch != null && message.n != null ? { epoch: message.epoch, n: message.n } : null;
}

function isAbove(a: Turn, b: Turn): boolean {
  return a.epoch > b.epoch || (a.epoch === b.epoch && a.n > b.n);
}

function isSame(a: Turn, b: Turn): boolean {
  return a.epoch === b.epoch && a.n === b.n;
}
