import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, it, vi } from "vitest";

import { WidgetApi } from "./api";
import type { Message } from "./conversation";
import { Memory } from "./memory";
import { ChatSession } from "./session";

const CONVERSATION = "9d1f6a3e-5c1b-4c57-8a37-6f0a4f1f2b10";

/** Enough of ingress-web for one visitor: it answers from `rows`, and says on the stream what a test tells it to. */
class FakeIngressWeb {
  rows: Message[] = [];
  private stream: ServerResponse | null = null;
  private readonly server: Server = createServer((request, response) => this.answer(request, response));

  async start(): Promise<string> {
    await new Promise<void>((resolve) => this.server.listen(0, "127.0.0.1", resolve));
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  stop(): void {
    this.server.closeAllConnections();
    this.server.close();
  }

  get isFollowed(): boolean {
    return this.stream !== null;
  }

  tell(event: string, data: unknown): void {
    this.stream?.write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
  }

  private answer(request: IncomingMessage, response: ServerResponse): void {
    const url = new URL(request.url ?? "/", "http://ingress-web");
    if (url.pathname.endsWith("/events")) {
      response.writeHead(200, { "Content-Type": "text/event-stream" });
      response.flushHeaders();
      this.stream = response;
      return;
    }
    const body = url.pathname === "/sessions" ? this.session() : this.page(url.searchParams);
    response.writeHead(200, { "Content-Type": "application/json" }).end(JSON.stringify(body));
  }

  private session(): unknown {
    const last = this.rows.at(-1)?.seq ?? 0;
    return { session_token: "st_1", conversation_id: CONVERSATION, last_seq: last, config: {} };
  }

  private page(query: URLSearchParams): unknown {
    const after = Number(query.get("after"));
    return { items: this.rows.filter(({ seq }) => seq > after).slice(0, Number(query.get("limit"))) };
  }
}

function row(seq: number, role: Message["role"] = "customer", text = `پیام ${seq}`): Message {
  return { id: `m${seq}`, seq, role, text, at: "2026-11-24T08:30:00Z", sources: [] };
}

describe("a reset of the stream", () => {
  let server: FakeIngressWeb;
  let session: ChatSession;

  async function follow(rows: Message[]): Promise<void> {
    vi.stubGlobal("document", { referrer: "https://shop.example/p/1", visibilityState: "hidden" });
    server = new FakeIngressWeb();
    server.rows = rows;
    session = new ChatSession(new WidgetApi(await server.start(), "w1"), new Memory("", "w1"), "fa");
    await session.start();
    await vi.waitUntil(() => server.isFollowed);
  }

  afterEach(() => {
    server.stop();
    vi.unstubAllGlobals();
  });

  const seqs = () => session.state.value.messages.map(({ seq }) => seq);

  it("brings an answer that left late, below the newest message that is shown", async () => {
    await follow([row(1), row(3)]);
    expect(seqs()).toEqual([1, 3]);

    server.rows = [row(1), row(2, "bot", "از ۹ تا ۲۱."), row(3)];
    server.tell("reset", {});

    await vi.waitUntil(() => seqs().length === 3);
    expect(seqs()).toEqual([1, 2, 3]);
  });

  it("brings all that was missed, however much it is", async () => {
    await follow([row(1)]);
    const all = Array.from({ length: 250 }, (_, index) => row(index + 1));

    server.rows = all;
    server.tell("reset", {});

    await vi.waitUntil(() => seqs().length === all.length);
    expect(seqs()).toEqual(all.map(({ seq }) => seq));
  });
});
