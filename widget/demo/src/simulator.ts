/** The simulator behind the phones: what a customer sees and does on Telegram, Bale, WhatsApp or Instagram. */
import { follow, type StreamState } from "../../src/stream/event-stream";
import type { Kind } from "./config";

export type PhoneKind = Exclude<Kind, "web">;

export interface Account {
  /** What the simulator's paths call it. */
  key: string;
  kind: PhoneKind;
  name: string;
}

/** The simulator said no. */
export class NotTaken extends Error {
  constructor(
    /** The HTTP status; 0 when no answer came. */
    readonly status: number,
  ) {
    super(`the simulator answered ${status}`);
  }
}

export async function listAccounts(): Promise<Account[]> {
  return (await call("GET", "/sim/accounts")) as Account[];
}

/** The conversation that *phone* is in, as the console calls it; null before anything was stored. */
export async function findConversation(account: Account, chat: string): Promise<string | null> {
  const query = new URLSearchParams({ kind: account.kind, account: account.key, chat });
  const { id } = (await call("GET", `/demo/conversation.json?${query}`)) as { id: string | null };
  return id;
}

export class Phone {
  private readonly path: string;

  constructor(
    readonly account: Account,
    readonly chat: string,
  ) {
    this.path = `/sim/${encodeURIComponent(account.key)}/chats/${encodeURIComponent(chat)}`;
  }

  write(text: string, name: string): Promise<unknown> {
    return this.post("messages", { text, name });
  }

  press(data: string, title: string): Promise<unknown> {
    return this.post("press", { data, title });
  }

  /** The customer looks at what is on the screen. */
  read(): Promise<unknown> {
    return this.post("read", {});
  }

  turn(state: { blocked?: boolean; away?: boolean }): Promise<unknown> {
    return this.post("state", state);
  }

  /** A person of the business answers in the provider's own app. */
  answerByHand(text: string): Promise<unknown> {
    return this.post("business", { text });
  }

  /** Tells what is on the screen, then each change, over every break, until the returned function is called. */
  watch(onEvent: (name: string, data: unknown) => void, onState: (state: StreamState) => void): () => void {
    return follow({
      url: () => `${this.path}/events`,
      authorization: () => Promise.resolve(""),
      onEvent: ({ name, data }) => onEvent(name, JSON.parse(data)),
      onState,
    });
  }

  private post(what: string, body: unknown): Promise<unknown> {
    return call("POST", `${this.path}/${what}`, body);
  }
}

/**
 * How a customer is known to each provider: a Telegram or Bale user, a phone number, an Instagram-scoped id. The number is
 * a German one: WhatsApp's API doesn't deliver to Iran.
 */
const CUSTOMERS: Record<PhoneKind, { prefix: string; digits: number }> = {
  telegram: { prefix: "7", digits: 9 },
  bale: { prefix: "6", digits: 9 },
  whatsapp: { prefix: "49155", digits: 8 },
  instagram: { prefix: "178", digits: 13 },
};

/** This browser's own customer with *account*, so that two visitors don't share a phone; *anew*: another one. */
export function ownChat(account: Account, anew = false): string {
  const key = `xin-demo:${account.key}`;
  const kept = anew ? null : localStorage.getItem(key);
  if (kept) return kept;
  const { prefix, digits } = CUSTOMERS[account.kind];
  const random = Array.from(crypto.getRandomValues(new Uint8Array(digits)), (byte) => byte % 10);
  const made = prefix + random.join("");
  localStorage.setItem(key, made);
  return made;
}

async function call(method: string, path: string, body?: unknown): Promise<unknown> {
  const response = await fetch(path, {
    method,
    cache: "no-store",
    ...(body === undefined ? {} : { headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) }),
  }).catch(() => {
    throw new NotTaken(0);
  });
  if (!response.ok) throw new NotTaken(response.status);
  const text = await response.text();
  return text ? JSON.parse(text) : null;
}
