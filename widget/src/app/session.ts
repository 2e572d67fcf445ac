/** One visitor's conversation with the server: opens it, follows it, sends to it, and holds what the screen shows. */
import { computed, signal } from "@preact/signals";

import { backOff, follow } from "../stream/event-stream";
import type { Language } from "../locale";
import {
  ApiError,
  bearer,
  historyStart,
  type MessagePage,
  type Session,
  type WidgetApi,
  type WidgetConfig,
} from "./api";
import * as conversation from "./conversation";
import type { Conversation, Role } from "./conversation";
import { readEvent, type ServerEvent } from "./events";
import type { Memory } from "./memory";

export type Connection = "connecting" | "online" | "offline" | "closed";

/** A line that is back so soon was never worth a word: the server ends every stream now and then. */
const GRACE_MS = 3_000;
/** A "typing" that isn't repeated ends by itself: the word that it ended may be lost. */
const TYPING_MS = 8_000;

export class ChatSession {
  readonly state = signal<Conversation>(conversation.EMPTY);
  readonly connection = signal<Connection>("connecting");
  readonly config = signal<WidgetConfig>({});
  /** Whether the visitor is looking at us. */
  readonly isOpen = signal(false);
  private readonly seenSeq = signal(0);
  readonly unread = computed(
    () => this.state.value.messages.filter(({ seq, role }) => seq > this.seenSeq.value && role !== "customer").length,
  );

  private opening: Promise<Session> | null = null;
  private sending: Promise<void> = Promise.resolve();
  private stopFollowing: (() => void) | null = null;
  private typingTimer: ReturnType<typeof setTimeout> | undefined;
  private graceTimer: ReturnType<typeof setTimeout> | undefined;
  private isStarted = false;

  constructor(
    private readonly api: WidgetApi,
    private readonly memory: Memory,
    private readonly language: Language,
  ) {}

  /** Begins or goes on with the conversation, for as long as it takes; harmless when that is under way already. */
  async start(): Promise<void> {
    if (this.isStarted) return;
    this.isStarted = true;
    for (let failures = 0; ; failures++) {
      try {
        await this.enter(await this.session());
        return;
      } catch (error) {
        if (isRefusal(error)) {
          this.connection.value = "closed";
          return;
        }
        this.connection.value = "offline";
        await new Promise((resolve) => setTimeout(resolve, backOff(failures, 1_000, Math.random())));
      }
    }
  }

  /** Shows *text* at once and sends it, after those sent before it. */
  send(text: string): Promise<void> {
    return this.dispatch(newKey(), text);
  }

  retry(key: string): Promise<void> {
    const lost = this.state.value.outgoing.find((mine) => mine.key === key);
    return lost ? this.dispatch(key, lost.text) : Promise.resolve();
  }

  opened(): void {
    this.isOpen.value = true;
    void this.start();
    this.markSeen();
  }

  closed(): void {
    this.isOpen.value = false;
  }

  private dispatch(key: string, text: string): Promise<void> {
    this.change((state) => conversation.wrote(state, key, text, new Date().toISOString()));
    this.sending = this.sending.then(() => this.deliver(key, text));
    return this.sending;
  }

  private async deliver(key: string, text: string): Promise<void> {
    void this.start();
    try {
      const stored = await this.withSession((session) => this.api.send(session, key, text));
      this.change((state) => conversation.accepted(state, key, stored));
    } catch {
      this.change((state) => conversation.failed(state, key));
    }
  }

  private session(): Promise<Session> {
    this.opening ??= this.api
      .openSession(this.memory.read(), { url: document.referrer || location.href, lang: this.language })
      .then((session) => {
        this.memory.write(session.session_token);
        this.config.value = session.config;
        return session;
      })
      .catch((error: unknown) => {
        this.opening = null;
        throw error;
      });
    return this.opening;
  }

  /** Shows what was said so far, and follows from there. */
  private async enter(session: Session): Promise<void> {
    await this.catchUp(session, historyStart(session.last_seq));
    this.seenSeq.value = conversation.lastSeq(this.state.value);
    this.listen(session);
  }

  /** Does *action*; when the token has died meanwhile, once more with a new one. */
  private async withSession<T>(action: (session: Session) => Promise<T>): Promise<T> {
    const session = await this.session();
    try {
      return await action(session);
    } catch (error) {
      if (!(error instanceof ApiError && error.status === 401)) throw error;
      return action(await this.renew(session));
    }
  }

  /** A new session in the place of *old*, unless somebody has seen to it already. */
  private async renew(old: Session): Promise<Session> {
    if ((await this.session()) !== old) return this.session();
    this.opening = null;
    this.memory.write(null);
    const session = await this.session();
    if (session.conversation_id !== old.conversation_id) {
      this.change(({ outgoing }) => ({ ...conversation.EMPTY, outgoing }));
    }
    await this.enter(session);
    return session;
  }

  /** All that stands above *after*, page by page. */
  private async catchUp(session: Session, after: number): Promise<void> {
    for (let from: number | null = after; from !== null;) {
      const page: MessagePage = await this.api.messages(session, from);
      this.change((state) => page.messages.reduce(conversation.received, state));
      from = page.next;
    }
  }

  private listen(session: Session): void {
    this.stopFollowing?.();
    this.stopFollowing = follow({
      url: () => this.api.eventsUrl(session, conversation.lastSeq(this.state.value)),
      authorization: () => Promise.resolve(bearer(session)),
      onEvent: (event) => this.take(readEvent(event), session),
      onState: (streamState, status) => {
        clearTimeout(this.graceTimer);
        if (streamState === "open") this.connection.value = "online";
        else {
          this.graceTimer = setTimeout(() => (this.connection.value = "offline"), GRACE_MS);
          this.change(conversation.interrupted);
        }
        if (streamState === "refused" && status === 401) void this.renew(session).catch(() => undefined);
      },
    });
  }

  private take(event: ServerEvent | null, session: Session): void {
    switch (event?.kind) {
      case "created":
        this.change((state) => conversation.received(state, event.message));
        this.markSeen();
        break;
      case "sentence":
        this.change((state) => conversation.streamed(state, event.sentence));
        break;
      case "retracted":
        this.change((state) => conversation.retracted(state, event.epoch));
        break;
      case "typing":
        this.showTyping(event.role);
        break;
      case "reset": // the server no longer has what we missed: perhaps an answer that left late, below what we have
        void this.catchUp(session, historyStart(conversation.lastSeq(this.state.value))).catch(() => undefined);
        break;
    }
  }

  private showTyping(role: Role): void {
    clearTimeout(this.typingTimer);
    this.change((state) => conversation.typing(state, role));
    this.typingTimer = setTimeout(() => this.change((state) => conversation.typing(state, null)), TYPING_MS);
  }

  private markSeen(): void {
    if (!this.isOpen.value || document.visibilityState !== "visible" || this.unread.value === 0) return;
    const seq = conversation.lastSeq(this.state.value);
    this.seenSeq.value = seq;
    // The mark is for the operator's eyes; a lost one is made good by the next.
    void this.withSession((session) => this.api.markRead(session, seq)).catch(() => undefined);
  }

  private change(step: (state: Conversation) => Conversation): void {
    this.state.value = step(this.state.value);
  }
}

function isRefusal(error: unknown): boolean {
  return error instanceof ApiError && error.status >= 400 && error.status < 500 && error.status !== 429;
}

/** A UUID also where the page isn't served over https, which `crypto.randomUUID` demands. */
function newKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}
