/** The simulator behind the phones: what a customer sees and does on Telegram, Bale, WhatsApp or Instagram. */

export const PHONE_KINDS = ["telegram", "bale", "whatsapp", "instagram"] as const;
export type PhoneKind = (typeof PHONE_KINDS)[number];

export interface Account {
  /** What the simulator's paths call it. */
  key: string;
  kind: PhoneKind;
  name: string;
}

export interface PhoneMessage {
  id: string;
  role: "customer" | "business";
  text: string;
  /** Seconds since 1970. */
  at: number;
  /** What the provider would show: sent, delivered, read, failed; empty where it shows nothing. */
  status: string;
}

export interface Screen {
  messages: PhoneMessage[];
  typing: boolean;
}

/** Everything that the simulator tells of a chat, and once at the start; each only says "look again". */
const CHANGES = ["chat", "message", "edit", "mark", "typing"];

/** "Typing" goes away by itself, and nobody tells: Telegram shows it for five seconds. */
const TYPING_MS = 6_000;

/** Accounts that have a phone, in the order of {@link PHONE_KINDS}. */
export async function listAccounts(): Promise<Account[]> {
  const accounts = await getJson<Account[]>("/sim/accounts");
  return PHONE_KINDS.flatMap((kind) => accounts.filter((account) => account.kind === kind));
}

export class Phone {
  private readonly path: string;

  constructor(account: Account, chat: string) {
    this.path = `/sim/${encodeURIComponent(account.key)}/chats/${encodeURIComponent(chat)}`;
  }

  look(): Promise<Screen> {
    return getJson<Screen>(this.path);
  }

  async write(text: string): Promise<void> {
    const response = await fetch(`${this.path}/messages`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ text }),
    });
    if (!response.ok) throw new Error(`the simulator answered ${response.status}`);
  }

  /** Calls *onChange* now and after every change, until the returned function is called. */
  watch(onChange: () => void): () => void {
    let typingEnds: ReturnType<typeof setTimeout> | undefined;
    const events = new EventSource(`${this.path}/events`);
    for (const name of CHANGES) events.addEventListener(name, onChange);
    events.addEventListener("typing", () => {
      clearTimeout(typingEnds);
      typingEnds = setTimeout(onChange, TYPING_MS);
    });
    return () => {
      clearTimeout(typingEnds);
      events.close();
    };
  }
}

/**
 * This browser's own number with *account*, so that two visitors don't share a phone. Digits only, as every provider
 * takes them: a private Telegram chat, a WhatsApp number, an Instagram-scoped id.
 */
export function ownChat(account: Account): string {
  const key = `xin-demo:${account.key}`;
  const kept = localStorage.getItem(key);
  if (kept) return kept;
  const made = `98912${crypto.getRandomValues(new Uint32Array(1))[0]?.toString().padStart(7, "0").slice(-7)}`;
  localStorage.setItem(key, made);
  return made;
}

async function getJson<T>(path: string): Promise<T> {
  const response = await fetch(path, { cache: "no-store" });
  if (!response.ok) throw new Error(`${path} answered ${response.status}`);
  return (await response.json()) as T;
}
