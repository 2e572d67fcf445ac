import { describe, expect, it } from "vitest";

import { isTaken, refusalOf, subjectOf } from "./subject";

const status = (name: string) => ({ entry: [{ changes: [{ value: { statuses: [{ status: name }] } }] }] });
const messaging = (item: object) => ({ entry: [{ messaging: [item] }] });
const value = (content: object) => ({ entry: [{ changes: [{ value: content }] }] });

describe("what a request is about", () => {
  it.each([
    ["/bot…/sendMessage", { chat_id: 1, text: "سلام" }, "answer"],
    ["/bot…/sendChatAction", { chat_id: 1, action: "typing" }, "typing"],
    ["/bot…/answerCallbackQuery", { callback_query_id: "1" }, "tapped"],
    ["/bot…/getMe", {}, "call"],
    ["/v26.0/1/messages", { to: "49155", type: "text" }, "answer"],
    ["/v26.0/1/messages", { status: "read", message_id: "wamid.1" }, "seen"],
    ["/v26.0/1/messages", { status: "read", message_id: "wamid.1", typing_indicator: { type: "text" } }, "typing"],
    ["/v26.0/1/messages", { recipient: { id: "1" }, sender_action: "typing_on" }, "typing"],
    ["/v26.0/1/messages", "no object", "answer"],
  ])("our call of %s with %j is %s", (path, body, subject) => {
    expect(subjectOf({ ours: true, path, body })).toBe(subject);
  });

  it.each([
    [{ update_id: 1, message: { text: "سلام" } }, "message"],
    [{ update_id: 1, callback_query: {} }, "tap"],
    [{ update_id: 1, my_chat_member: {} }, "block"],
    [value({ messages: [{ type: "text" }] }), "message"],
    [value({ messages: [{ type: "interactive" }] }), "tap"],
    [value({ message_echoes: [{}] }), "byHand"],
    [status("delivered"), "delivered"],
    [status("played"), "webhook"],
    [messaging({ message: { text: "سلام" } }), "message"],
    [messaging({ message: { text: "سلام", quick_reply: {} } }), "tap"],
    [messaging({ message: { is_echo: true } }), "echo"],
    [messaging({ read: { mid: "1" } }), "read"],
    ["rubbish", "webhook"],
  ])("a webhook with %j is %s", (body, subject) => {
    expect(subjectOf({ ours: false, path: "/fn/ingress-telegram/…", body })).toBe(subject);
  });

  it("is taken only where a 2xx came", () => {
    expect([null, 199, 200, 204, 403, 503].map((code) => isTaken({ status: code }))).toEqual([
      false,
      false,
      true,
      true,
      false,
      false,
    ]);
  });

  it("tells why it was refused in the provider's own words", () => {
    expect(refusalOf({ answer: { ok: false, description: "Forbidden: bot was blocked by the user" } })).toContain(
      "blocked",
    );
    expect(refusalOf({ answer: { error: { message: "(#100) Invalid parameter" } } })).toBe("(#100) Invalid parameter");
    expect(refusalOf({ answer: "<html>" })).toBe("");
  });
});
