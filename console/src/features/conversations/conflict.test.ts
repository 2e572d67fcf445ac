import { describe, expect, it } from "vitest";
import { Problem } from "../../api/problem";
import { fa } from "../../words/fa";
import { conflictOf } from "./conflict";

describe("conflictOf", () => {
  it("names who holds the conversation, and else says that it has changed", () => {
    expect(conflictOf(new Problem(409, "held", "سپیده"), fa)).toBe("این گفت‌وگو به عهدهٔ سپیده است.");
    expect(conflictOf(new Problem(409, "newer"), fa)).toBe(fa.thread.newer);
  });

  it("has nothing to say about other errors", () => {
    expect(conflictOf(new Problem(500, "our mistake", ""), fa)).toBe("");
    expect(conflictOf(new TypeError(), fa)).toBe("");
  });
});
