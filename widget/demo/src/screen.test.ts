import { describe, expect, it } from "vitest";

import { BLANK, buttonsOf, changed, newestUnread, type PhoneMessage, type Screen } from "./screen";

const NOW = 1_790_000_000_000;

function answer(id: string, more: Partial<PhoneMessage> = {}): PhoneMessage {
  const plain = { text: "از ۹ صبح تا ۹ شب.", at: NOW / 1000, status: "sent", markup: null } as const;
  return { id, role: "business", arrival: "here", by_hand: false, ...plain, ...more };
}

function after(events: [string, unknown][], screen: Screen = BLANK): Screen {
  return events.reduce((now, [name, data]) => changed(now, name, data, NOW), screen);
}

describe("a phone's screen", () => {
  it("shows a message once, however often it is told", () => {
    const screen = after([
      ["message", answer("1")],
      ["message", answer("1")],
    ]);
    expect(screen.messages).toHaveLength(1);
  });

  it("takes what the simulator has for the truth whenever the line comes back", () => {
    const before = after([
      ["message", answer("1")],
      ["state", { blocked: true, away: true }],
    ]);
    const snapshot = {
      messages: [answer("2")],
      exchanges: [],
      typing_seconds: 0,
      draft: "",
      blocked: false,
      away: false,
    };
    const screen = after([["chat", snapshot]], before);
    expect(screen.messages.map(({ id }) => id)).toEqual(["2"]);
    expect([screen.blocked, screen.away]).toEqual([false, false]);
  });

  it("moves the mark of the very message that it is about: a customer's may have the same id", () => {
    const mine = answer("1", { role: "customer", status: "" });
    const screen = after([
      ["message", mine],
      ["message", answer("1")],
      ["mark", answer("1", { status: "delivered" })],
    ]);
    expect(screen.messages.map(({ status }) => status)).toEqual(["", "delivered"]);
  });

  it("shows typing for as long as the provider does, and no longer once the answer is there", () => {
    const typing = after([["typing", { until: 5, seconds: 5 }]]);
    expect(typing.typingUntil).toBe(NOW + 5_000);
    expect(after([["message", answer("1", { role: "customer" })]], typing).typingUntil).toBe(NOW + 5_000);
    expect(after([["message", answer("1")]], typing).typingUntil).toBe(0);
    expect(after([["typing", { until: 0, seconds: 0 }]], typing).typingUntil).toBe(0);
  });

  it("is unread only while somebody could read it", () => {
    const screen = after([["message", answer("1", { status: "delivered" })]]);
    expect(newestUnread(screen)).toBe("1");
    expect(newestUnread(after([["message", answer("2")]], screen))).toBe("2");
    expect(newestUnread({ ...screen, away: true })).toBeNull();
    expect(newestUnread({ ...screen, blocked: true })).toBeNull();
    expect(newestUnread(after([["mark", answer("1", { status: "read" })]], screen))).toBeNull();
    expect(newestUnread(after([["message", answer("1", { arrival: "never" })]]))).toBeNull();
  });

  it("lets a word pass that it doesn't know", () => {
    expect(after([["reaction", {}]])).toEqual(BLANK);
  });
});

describe("the buttons under a message", () => {
  it.each([
    [
      "Telegram",
      { inline_keyboard: [[{ text: "بله", callback_data: "y" }], [{ text: "سایت", url: "https://x" }]] },
      "y",
    ],
    ["a Telegram keyboard", { keyboard: [[{ text: "بله" }]] }, null],
    ["WhatsApp", { type: "button", action: { buttons: [{ type: "reply", reply: { id: "y", title: "بله" } }] } }, "y"],
    ["Instagram", [{ content_type: "text", title: "بله", payload: "y" }], "y"],
  ])("are found in the form of %s", (_, markup, data) => {
    expect(buttonsOf(markup)).toEqual([{ title: "بله", data }]);
  });

  it.each([null, "x", 3, {}, { inline_keyboard: [[null, { text: 3 }]] }, { action: { buttons: "x" } }, [null]])(
    "are none in %j",
    (markup) => {
      expect(buttonsOf(markup)).toEqual([]);
    },
  );
});
