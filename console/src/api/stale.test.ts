import { describe, expect, it } from "vitest";

import { staleAfter } from "./stale";

describe("staleAfter", () => {
  it("reads again the list and the one conversation that a message came to", () => {
    const data = JSON.stringify({ conversation_id: "c1", role: "customer" });
    expect(staleAfter({ name: "message.created", data })).toEqual([["conversations"], ["messages", "c1"]]);
  });

  it("leaves the list alone when a message was merely delivered", () => {
    const data = JSON.stringify({ conversation_id: "c1", status: "read" });
    expect(staleAfter({ name: "message.status", data })).toEqual([["messages", "c1"]]);
  });

  it("reads everything again after a gap, and nothing for what it doesn't know", () => {
    expect(staleAfter({ name: "reset", data: "" })).toEqual([["conversations"], ["messages"], ["knowledge"]]);
    expect(staleAfter({ name: "ping", data: "{}" })).toEqual([]);
  });
});
