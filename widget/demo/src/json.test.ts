import { describe, expect, it } from "vitest";

import { piecesOf } from "./json";

describe("a pretty-printed value", () => {
  it("sets what is said apart from the names of its fields", () => {
    const strings = piecesOf({ text: 'سلام: "خوبی"؟\nبله', id: 3, tags: ["الف", "b"] }).filter(
      ({ isString }) => isString,
    );
    expect(strings.map(({ text }) => text)).toEqual(['"سلام: \\"خوبی\\"؟\\nبله"', '"الف"', '"b"']);
  });

  it.each([{}, [], null, 3, true, { a: { b: "" } }, { 'x":': 'y":' }, "text"])("loses nothing of %j", (value) => {
    const whole = typeof value === "string" ? value : JSON.stringify(value, null, 2);
    expect(
      piecesOf(value)
        .map(({ text }) => text)
        .join(""),
    ).toBe(whole);
  });
});
