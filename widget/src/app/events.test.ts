import { describe, expect, it } from "vitest";

import { readEvent } from "./events";

const event = (name: string, data: unknown) => readEvent({ id: "", name, data: JSON.stringify(data) });

describe("readEvent", () => {
  it("reads a stored message, and gives one without sources an empty list", () => {
    const message = { id: "m2", seq: 2, role: "bot", text: "از ۹ تا ۲۱", at: "2026-11-24T08:30:00Z" };
    expect(event("message.created", message)).toEqual({ kind: "created", message: { ...message, sources: [] } });
  });

  it("takes the epoch of a keep-alive as a retraction of everything below it", () => {
    expect(event("ping", { epoch: 4 })).toEqual({ kind: "retracted", epoch: 4 });
    expect(event("message.retracted", { epoch: 4 })).toEqual({ kind: "retracted", epoch: 4 });
  });

  it("passes over what it doesn't know or can't read, and never throws", () => {
    expect(event("message.reacted", { id: "m2" })).toBeNull();
    expect(event("message.created", { id: "m2", role: "robot" })).toBeNull();
    expect(event("message.delta", null)).toBeNull();
    expect(readEvent({ id: "", name: "typing", data: "{" })).toBeNull();
  });
});
