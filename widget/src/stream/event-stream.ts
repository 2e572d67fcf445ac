/**
 * Reads Server-Sent Events through fetch, because EventSource can't send an Authorization header.
 * Format: https://html.spec.whatwg.org/multipage/server-sent-events.html
 */

export interface StreamEvent {
  /** The last id the server gave, on this event or before it; empty when it gave none. */
  id: string;
  name: string;
  data: string;
}

export type StreamState = "open" | "waiting" | "refused";

export interface FollowOptions {
  /** Asked before every attempt, like the token; a place to start from stands in it, `Last-Event-ID` goes on from there. */
  url: () => string;
  authorization: () => Promise<string>;
  onEvent: (event: StreamEvent) => void;
  /** `refused` is final: the server answered 4xx (other than 408 and 429), and its status is handed over. */
  onState: (state: StreamState, status?: number) => void;
}

const LONGEST_WAIT_MS = 30_000;
/** Three missed keep-alives: the line is dead, though nobody told us. */
const SILENCE_MS = 50_000;

/** Follows the stream and comes back after every break, until the returned function is called. */
export function follow(options: FollowOptions): () => void {
  const stop = new AbortController();
  void keepReading(options, stop.signal);
  return () => stop.abort();
}

/** Milliseconds before attempt number *failures* + 1: doubling from *base*, and between half and the whole of it, so
 * that a restarted server isn't met by everybody at once. */
export function backOff(failures: number, base: number, random: number): number {
  return Math.min(LONGEST_WAIT_MS, base * 2 ** failures) * (0.5 + random / 2);
}

async function keepReading(options: FollowOptions, stop: AbortSignal): Promise<void> {
  const parser = new EventParser();
  const isOver = () => stop.aborted;
  let failures = 0;
  while (!isOver()) {
    try {
      const refusedWith = await readOnce(options, parser, stop, () => (failures = 0));
      if (refusedWith !== null) {
        options.onState("refused", refusedWith);
        return;
      }
    } catch {
      // No connection, or it broke half-way: the same as a clean end, we come back.
    }
    if (isOver()) return;
    options.onState("waiting");
    await pause(backOff(failures++, parser.retry, Math.random()), stop);
  }
}

/** One connection from start to end. Returns the status when coming back makes no sense, else null. */
async function readOnce(
  options: FollowOptions,
  parser: EventParser,
  stop: AbortSignal,
  onOpen: () => void,
): Promise<number | null> {
  const attempt = new AbortController();
  const end = () => attempt.abort();
  stop.addEventListener("abort", end);
  let watchdog = setTimeout(end, SILENCE_MS);
  try {
    const headers = new Headers({ Accept: "text/event-stream", Authorization: await options.authorization() });
    if (parser.lastId) headers.set("Last-Event-ID", parser.lastId);
    const response = await fetch(options.url(), { headers, signal: attempt.signal, cache: "no-store" });
    if (response.status === 204 || isFinal(response.status)) return response.status;
    if (!response.ok || !response.body) throw new Error(`stream answered ${response.status}`);
    onOpen();
    options.onState("open");
    parser.restart();
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    for (let chunk = await reader.read(); !chunk.done; chunk = await reader.read()) {
      clearTimeout(watchdog);
      watchdog = setTimeout(end, SILENCE_MS);
      for (const event of parser.feed(chunk.value)) options.onEvent(event);
    }
    return null;
  } finally {
    clearTimeout(watchdog);
    stop.removeEventListener("abort", end);
  }
}

function isFinal(status: number): boolean {
  return status >= 400 && status < 500 && status !== 408 && status !== 429;
}

/** Waits, but not when told to stop, nor once the browser says that the network is back. */
function pause(milliseconds: number, stop: AbortSignal): Promise<void> {
  const network = typeof window === "undefined" ? null : window;
  return new Promise((resolve) => {
    const timer = setTimeout(done, milliseconds);
    function done(): void {
      clearTimeout(timer);
      stop.removeEventListener("abort", done);
      network?.removeEventListener("online", done);
      resolve();
    }
    stop.addEventListener("abort", done);
    network?.addEventListener("online", done);
  });
}

/** Turns pieces of text, cut anywhere, into events. Remembers the last id and the server's `retry` over connections. */
export class EventParser {
  lastId = "";
  retry = 1_000;
  private rest = "";
  private name = "";
  private data: string[] = [];

  /** A new connection: what was left half-read of the old one will be sent again. */
  restart(): void {
    this.rest = "";
    this.name = "";
    this.data = [];
  }

  feed(piece: string): StreamEvent[] {
    const events: StreamEvent[] = [];
    // A CR at the very end may be the first half of a CRLF, so it waits for its other half.
    const text = this.rest + piece;
    const whole = text.endsWith("\r") ? text.slice(0, -1) : text;
    const lines = whole.split(/\r\n|\n|\r/);
    this.rest = (lines.pop() ?? "") + text.slice(whole.length);
    for (const line of lines) {
      const event = this.take(line);
      if (event) events.push(event);
    }
    return events;
  }

  private take(line: string): StreamEvent | null {
    if (line === "") return this.dispatch();
    const colon = line.indexOf(":");
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (field === "event") this.name = value;
    else if (field === "data") this.data.push(value);
    else if (field === "id" && !value.includes("\0")) this.lastId = value;
    else if (field === "retry" && /^\d+$/.test(value)) this.retry = Number(value);
    return null; // a line that begins with a colon is a comment: it only kept the line alive
  }

  private dispatch(): StreamEvent | null {
    const event = { id: this.lastId, name: this.name || "message", data: this.data.join("\n") };
    const empty = this.data.length === 0;
    this.name = "";
    this.data = [];
    return empty ? null : event;
  }
}
