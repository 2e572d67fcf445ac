import { afterEach, describe, expect, it } from "vitest";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

import { backOff, EventParser, follow, type StreamEvent } from "./event-stream";

describe("EventParser", () => {
  it("reads an event however the network cuts it, inside a letter's line and between CR and LF", () => {
    const wire = 'id: 7\r\nevent: message.created\r\ndata: {"text":"سلام"}\r\n\r\n: ping\r\n\r\n';
    for (let cut = 0; cut <= wire.length; cut++) {
      const parser = new EventParser();
      const events = [...parser.feed(wire.slice(0, cut)), ...parser.feed(wire.slice(cut))];
      expect(events).toEqual([{ id: "7", name: "message.created", data: '{"text":"سلام"}' }]);
    }
  });

  it("joins the lines of data and keeps the id for events that carry none", () => {
    const parser = new EventParser();
    expect(parser.feed("id: 1\ndata: a\ndata: b\n\ndata: c\n\n")).toEqual([
      { id: "1", name: "message", data: "a\nb" },
      { id: "1", name: "message", data: "c" },
    ]);
  });

  it("forgets half an event of a connection that broke, and goes on from the last whole one", () => {
    const parser = new EventParser();
    parser.feed("id: 4\ndata: whole\n\nevent: typing\ndata: ha");
    parser.restart();
    expect(parser.feed("data: next\n\n")).toEqual([{ id: "4", name: "message", data: "next" }]);
  });

  it("takes the server's retry, when it is a number", () => {
    const parser = new EventParser();
    parser.feed("retry: 3000\nretry: soon\n");
    expect(parser.retry).toBe(3000);
  });
});

describe("backOff", () => {
  it("doubles, stays under half a minute, and never less than half of the step", () => {
    expect(backOff(0, 1000, 0)).toBe(500);
    expect(backOff(3, 1000, 1)).toBe(8000);
    expect(backOff(40, 1000, 1)).toBe(30_000);
  });
});

describe("follow", () => {
  let server: Server | undefined;
  let stop: (() => void) | undefined;
  afterEach(() => {
    stop?.();
    server?.closeAllConnections();
    server?.close();
  });

  async function serve(answer: (request: IncomingMessage, response: ServerResponse) => void): Promise<string> {
    const started = createServer(answer);
    server = started;
    await new Promise<void>((resolve) => started.listen(0, "127.0.0.1", resolve));
    return `http://127.0.0.1:${(started.address() as AddressInfo).port}/events`;
  }

  it("comes back after a break with its token and the last id, and misses nothing", async () => {
    const asked: (string | undefined)[] = [];
    const url = await serve((request, response) => {
      asked.push(`${request.headers.authorization} ${String(request.headers["last-event-id"])}`);
      response.writeHead(200, { "Content-Type": "text/event-stream" });
      const id = asked.length;
      response.end(`retry: 1\nid: ${id}\ndata: ${id}\n\n`);
    });

    const events = await new Promise<StreamEvent[]>((resolve) => {
      const seen: StreamEvent[] = [];
      stop = follow({
        url: () => url,
        authorization: () => Promise.resolve(`Bearer t${asked.length}`),
        onEvent: (event) => {
          if (seen.push(event) === 3) resolve(seen);
        },
        onState: () => undefined,
      });
    });

    expect(events.map((event) => event.data)).toEqual(["1", "2", "3"]);
    expect(asked.slice(0, 3)).toEqual(["Bearer t0 undefined", "Bearer t1 1", "Bearer t2 2"]);
  });

  it("gives up when the server refuses the token, and says so", async () => {
    const url = await serve((_, response) => response.writeHead(401).end());

    const refused = await new Promise<number | undefined>((resolve) => {
      stop = follow({
        url: () => url,
        authorization: () => Promise.resolve("Bearer stale"),
        onEvent: () => undefined,
        onState: (state, status) => {
          if (state === "refused") resolve(status);
        },
      });
    });

    expect(refused).toBe(401);
  });
});
