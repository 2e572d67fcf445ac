import { describe, expect, it } from "vitest";

import { asTheme, isFrameMessage, isHostMessage } from "./frame-messages";

describe("messages between page and frame", () => {
  it("are believed only in their own shape and direction", () => {
    expect(isFrameMessage({ xin: "unread", count: 2 })).toBe(true);
    expect(isFrameMessage({ xin: "unread", count: "2" })).toBe(false);
    expect(isFrameMessage({ xin: "ask", text: "سلام" })).toBe(false);
    expect(isHostMessage({ xin: "ask", text: "سلام" })).toBe(true);
    expect(isHostMessage({ xin: "ask", text: ["سلام"] })).toBe(false);
    expect(isHostMessage({ xin: "close" })).toBe(false);
  });

  it("are not taken from what others post: texts, nothing, names of the prototype", () => {
    for (const data of ["hello", null, undefined, 7, [], { xin: "toString" }, { xin: ["hello"] }, { xin: ["close"] }]) {
      expect(isHostMessage(data)).toBe(false);
      expect(isFrameMessage(data)).toBe(false);
    }
  });

  it("name a theme that we have, or leave it to the visitor's device", () => {
    expect(asTheme("dark")).toBe("dark");
    expect(asTheme("sepia")).toBe("auto");
  });
});
