import { describe, expect, it } from "vitest";

import {
  accepted,
  EMPTY,
  failed,
  interrupted,
  lastSeq,
  received,
  retracted,
  streamed,
  typing,
  wrote,
  type Message,
} from "./conversation";

const AT = "2026-11-24T08:30:00Z";

function stored(seq: number, role: Message["role"], text: string, more: Partial<Message> = {}): Message {
  return { id: `m${seq}`, seq, role, text, at: AT, sources: [], ...more };
}

describe("the visitor's own message", () => {
  it("stands once, whether the answer or the stream brings it first", () => {
    const sent = wrote(EMPTY, "k1", "سلام", AT);
    const echo = stored(1, "customer", "سلام", { client_msg_id: "k1" });

    const answerFirst = received(accepted(sent, "k1", { id: "m1", seq: 1 }), echo);
    const streamFirst = accepted(received(sent, echo), "k1", { id: "m1", seq: 1 });

    for (const state of [answerFirst, streamFirst]) {
      expect(state.messages.map((message) => message.text)).toEqual(["سلام"]);
      expect(state.outgoing).toEqual([]);
    }
  });

  it("stays with its text when it failed, and is sent again under the same key", () => {
    const lost = failed(wrote(EMPTY, "k1", "کجا هستید؟", AT), "k1");
    expect(lost.outgoing).toEqual([{ key: "k1", text: "کجا هستید؟", at: AT, state: "failed" }]);

    const again = wrote(lost, "k1", "کجا هستید؟", AT);
    expect(again.outgoing.map((mine) => mine.state)).toEqual(["sending"]);
  });
});

describe("order", () => {
  it("follows seq, and a message that comes twice stands once", () => {
    const late = [stored(3, "bot", "سه"), stored(1, "customer", "یک"), stored(2, "bot", "دو"), stored(3, "bot", "سه")];
    const state = late.reduce(received, EMPTY);
    expect(state.messages.map((message) => message.seq)).toEqual([1, 2, 3]);
    expect(lastSeq(state)).toBe(3);
  });
});

describe("a turn being written", () => {
  const half = streamed(streamed(EMPTY, { epoch: 2, n: 5, text: "هر روز " }), { epoch: 2, n: 5, text: "از ۹ تا ۲۱." });

  it("grows by sentences, and its stored message takes its place", () => {
    expect(half.draft?.text).toBe("هر روز از ۹ تا ۲۱.");
    const done = received(half, stored(6, "bot", "هر روز از ۹ تا ۲۱.", { epoch: 2, n: 5 }));
    expect(done.draft).toBeNull();
    expect(done.messages).toHaveLength(1);
  });

  it("doesn't come back by a sentence that arrives after it was stored", () => {
    const done = received(half, stored(6, "bot", "تمام", { epoch: 2, n: 5 }));
    expect(streamed(done, { epoch: 2, n: 5, text: "دیر" }).draft).toBeNull();
    expect(streamed(done, { epoch: 1, n: 9, text: "دیرتر" }).draft).toBeNull();
    expect(streamed(done, { epoch: 2, n: 7, text: "بعدی" }).draft?.text).toBe("بعدی");
  });

  it("is cleared by a takeover, told by an event or by a keep-alive, and a new holder may speak", () => {
    const taken = retracted(half, 3);
    expect(taken.draft).toBeNull();
    expect(streamed(taken, { epoch: 2, n: 5, text: "هنوز من" }).draft).toBeNull();
    expect(streamed(taken, { epoch: 3, n: 5, text: "از نو" }).draft?.text).toBe("از نو");
  });

  it("is left alone by a keep-alive of its own epoch", () => {
    expect(retracted(half, 2).draft?.text).toBe("هر روز از ۹ تا ۲۱.");
  });

  it("gives way to a newer holder, and ignores the older one from then on", () => {
    const newer = streamed(half, { epoch: 3, n: 5, text: "از نو" });
    expect(newer.draft?.text).toBe("از نو");
    expect(streamed(newer, { epoch: 2, n: 5, text: " و دیگر" }).draft?.text).toBe("از نو");
  });

  it("is not patched together after a break, as sentences may be missing", () => {
    const broken = interrupted(half);
    expect(streamed(broken, { epoch: 2, n: 5, text: "ادامه" }).draft).toBeNull();
    expect(received(broken, stored(6, "bot", "کامل", { epoch: 2, n: 5 })).messages).toHaveLength(1);
  });
});

describe("typing", () => {
  it("ends with the message of the one who typed, and not with somebody else's", () => {
    const busy = typing(EMPTY, "operator");
    expect(received(busy, stored(1, "customer", "هستید؟")).typing).toBe("operator");
    expect(received(busy, stored(2, "operator", "بله")).typing).toBeNull();
  });
});
