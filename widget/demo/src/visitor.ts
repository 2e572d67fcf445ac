/** The visitor of the shop in the phone. The widget keeps its token in this origin's storage, so this page may look on. */
import { bearer, historyStart, WidgetApi } from "../../src/app/api";
import { Memory } from "../../src/app/memory";
import type { Language } from "../../src/locale";
import { follow, type StreamState } from "../../src/stream/event-stream";
import type { Config } from "./config";

/** ingress-web beside this page, whatever address the widget on a shop's site was given. */
const API = "/fn/ingress-web";

/** Something that left for the browser. */
export interface LiveEvent {
  name: string;
  /** Milliseconds of this page's clock. */
  at: number;
  data: unknown;
}

export interface Looker {
  onConversation: (id: string) => void;
  onEvent: (event: LiveEvent) => void;
  onState: (state: StreamState) => void;
}

export class Visitor {
  private readonly memory: Memory;

  constructor(
    private readonly config: Config,
    private readonly language: Language,
  ) {
    this.memory = new Memory(config.api_url, config.widget_id);
  }

  /** The next one who opens the widget here is somebody new. */
  forget(): void {
    this.memory.write(null);
  }

  /** Waits until the widget has opened a conversation, and follows it until the returned function is called. */
  watch(looker: Looker): () => void {
    const over = new AbortController();
    let isFollowing = false;
    const begin = async () => {
      const token = this.memory.read();
      if (isFollowing || !token) return;
      isFollowing = true;
      isFollowing = await this.follow(token, looker, over.signal).then(
        () => true,
        () => false,
      );
    };
    // Fired when another document of this origin has written: the widget, two frames below.
    addEventListener("storage", () => void begin(), { signal: over.signal });
    void begin();
    return () => over.abort();
  }

  private async follow(token: string, looker: Looker, over: AbortSignal): Promise<void> {
    const api = new WidgetApi(API, this.config.widget_id);
    const session = await api.openSession(token, { url: location.href, lang: this.language });
    const { messages } = await api.messages(session, historyStart(session.last_seq));
    if (over.aborted) return;
    looker.onConversation(session.conversation_id);
    for (const message of messages) {
      looker.onEvent({ name: "message.created", at: Date.parse(message.at), data: message });
    }
    const last = messages.at(-1)?.seq ?? 0;
    const stop = follow({
      url: () => api.eventsUrl(session, last),
      authorization: () => Promise.resolve(bearer(session)),
      onState: looker.onState,
      onEvent: ({ name, data }) => {
        if (name !== "ping") looker.onEvent({ name, at: Date.now(), data: JSON.parse(data) as unknown });
      },
    });
    over.addEventListener("abort", stop);
  }
}
