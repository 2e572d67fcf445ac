import { describe, expect, it } from "vitest";

import { chooseLanguage, formatClock, formatMoment, formatNumber } from "./locale";

describe("chooseLanguage", () => {
  it("takes the first wish that we can fulfil, whatever region it names, and Persian when there is none", () => {
    expect(chooseLanguage(undefined, "de", "en-US", "fa")).toBe("en");
    expect(chooseLanguage("fa-IR", "en")).toBe("fa");
    expect(chooseLanguage(null, "")).toBe("fa");
  });
});

describe("numbers and moments", () => {
  it("are written in Persian digits and the Jalali calendar for Persian", () => {
    expect(formatNumber(1250, "fa")).toBe("۱٬۲۵۰");
    expect(formatMoment("2026-03-21T12:00:00Z", "fa")).toContain("۱ فروردین");
  });

  it("are written in Latin digits for English", () => {
    expect(formatNumber(1250, "en")).toBe("1,250");
    expect(formatMoment("2026-03-21T12:00:00Z", "en")).toContain("21 March");
  });

  it("are left out where the server's moment can't be read", () => {
    expect(formatClock("soon", "fa")).toBe("");
  });
});
