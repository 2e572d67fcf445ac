/**
 * What the loader on the host page and the app in the frame say to each other. Both sides name the exact origin they
 * speak to, and believe a message only from the window and origin they expect: any ad on a page can post to any frame.
 */

export type Theme = "light" | "dark" | "auto";

/** `hello` comes first and tells the app whom it may answer. */
export type HostMessage =
  | { xin: "hello"; theme: Theme }
  | { xin: "opened" }
  | { xin: "closed" }
  | { xin: "theme"; theme: Theme }
  | { xin: "ask"; text: string };

export type FrameMessage = { xin: "ready" } | { xin: "close" } | { xin: "unread"; count: number };

const HOST_KINDS = ["hello", "opened", "closed", "theme", "ask"];
const FRAME_KINDS = ["ready", "close", "unread"];

export function asTheme(value: unknown): Theme {
  return value === "light" || value === "dark" ? value : "auto";
}

export function isHostMessage(data: unknown): data is HostMessage {
  return isOneOf(data, HOST_KINDS) && (data.xin !== "ask" || typeof (data as { text?: unknown }).text === "string");
}

export function isFrameMessage(data: unknown): data is FrameMessage {
  return isOneOf(data, FRAME_KINDS) && (data.xin !== "unread" || Number.isInteger((data as { count?: unknown }).count));
}

function isOneOf(data: unknown, kinds: string[]): data is { xin: string } {
  return (
    typeof data === "object" &&
    data !== null &&
    "xin" in data &&
    typeof data.xin === "string" &&
    kinds.includes(data.xin)
  );
}
