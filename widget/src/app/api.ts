/** The widget's API under ingress-web: sessions, messages, read marks. The stream is in `session.ts`. */
import type { Message } from "./conversation";

export interface Session {
  session_token: string;
  conversation_id: string;
  last_seq: number;
  config: WidgetConfig;
}

/** What the tenant set; everything has a default of ours. */
export interface WidgetConfig {
  title?: string;
  greeting?: string;
}

export interface Stored {
  id: string;
  seq: number;
  duplicate: boolean;
}

/** Messages, oldest first. *next*: where the page after this one begins, null when there is none. */
export interface MessagePage {
  messages: Message[];
  next: number | null;
}

export class ApiError extends Error {
  constructor(
    /** The HTTP status; 0 when no answer came. */
    readonly status: number,
  ) {
    super(`ingress-web answered ${status}`);
  }
}

/** One call may take this long; then it counts as unanswered and may be tried again under the same key. */
const PATIENCE_MS = 15_000;
const PAGE = 100;

export class WidgetApi {
  constructor(
    private readonly base: string,
    private readonly widgetId: string,
  ) {}

  /** With the token of an earlier visit in *resume*, its conversation goes on; an unknown token begins a new one. */
  openSession(resume: string | null, page: { url: string; lang: string }): Promise<Session> {
    return this.call<Session>("POST", "/sessions", null, {
      widget_id: this.widgetId,
      page,
      ...(resume ? { resume } : {}),
    });
  }

  /** The first hundred messages above *after*. */
  async messages(session: Session, after: number): Promise<MessagePage> {
    const query = new URLSearchParams({ after: String(after), limit: String(PAGE) });
    const path = `${conversationPath(session)}/messages?${query}`;
    const { items } = await this.call<{ items: Message[] }>("GET", path, session);
    return { messages: items, next: items.length < PAGE ? null : (items.at(-1)?.seq ?? null) };
  }

  send(session: Session, key: string, text: string): Promise<Stored> {
    const body = { client_msg_id: key, type: "text", text };
    return this.call<Stored>("POST", `${conversationPath(session)}/messages`, session, body);
  }

  async markRead(session: Session, seq: number): Promise<void> {
    await this.call<unknown>("POST", `${conversationPath(session)}/read`, session, { seq });
  }

  eventsUrl(session: Session, after: number): string {
    return `${this.base}${conversationPath(session)}/events?after=${after}`;
  }

  private async call<T>(method: string, path: string, session: Session | null, body?: unknown): Promise<T> {
    const headers: Record<string, string> = {};
    if (session) headers.Authorization = bearer(session);
    if (body !== undefined) headers["Content-Type"] = "application/json";
    const response = await fetch(this.base + path, {
      method,
      headers,
      body: body === undefined ? null : JSON.stringify(body),
      signal: AbortSignal.timeout(PATIENCE_MS),
      cache: "no-store",
    }).catch(() => {
      throw new ApiError(0);
    });
    if (!response.ok) throw new ApiError(response.status);
    const text = await response.text();
    return (text ? JSON.parse(text) : null) as T;
  }
}

export function bearer(session: Session): string {
  return `Bearer ${session.session_token}`;
}

/** How far back a page of history begins: the newest hundred of what there is. */
export function historyStart(lastSeq: number): number {
  return Math.max(0, lastSeq - PAGE);
}

function conversationPath(session: Session): string {
  return `/conversations/${encodeURIComponent(session.conversation_id)}`;
}
