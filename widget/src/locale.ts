/** Languages, their direction, and how numbers and moments are written in them. Native Intl only. */

export const LANGUAGES = ["fa", "en"] as const;
export type Language = (typeof LANGUAGES)[number];

/** Persian digits and the Jalali calendar come with the Persian locale. */
const LOCALES: Record<Language, string> = { fa: "fa-IR-u-ca-persian-nu-arabext", en: "en-GB" };

/** The first of *wishes* that names a language of ours (`fa-IR` counts as `fa`); Persian when none does. */
export function chooseLanguage(...wishes: (string | null | undefined)[]): Language {
  for (const wish of wishes) {
    const primary = wish?.toLowerCase().split("-")[0];
    const known = LANGUAGES.find((language) => language === primary);
    if (known) return known;
  }
  return "fa";
}

export function directionOf(language: Language): "rtl" | "ltr" {
  return language === "fa" ? "rtl" : "ltr";
}

/** Sets the document's language and direction, so that logical properties and screen readers follow. */
export function applyLanguage(language: Language): void {
  document.documentElement.lang = language;
  document.documentElement.dir = directionOf(language);
}

export function formatNumber(value: number, language: Language): string {
  return new Intl.NumberFormat(LOCALES[language]).format(value);
}

/** Hour and minute of *at* (an ISO 8601 moment); empty when it can't be read. */
export function formatClock(at: string, language: Language): string {
  return format(at, language, { hour: "2-digit", minute: "2-digit" });
}

/** Day, month, hour and minute, in the language's own calendar. */
export function formatMoment(at: string, language: Language): string {
  return format(at, language, { day: "numeric", month: "long", hour: "2-digit", minute: "2-digit" });
}

function format(at: string, language: Language, parts: Intl.DateTimeFormatOptions): string {
  const moment = new Date(at);
  return Number.isNaN(moment.getTime()) ? "" : new Intl.DateTimeFormat(LOCALES[language], parts).format(moment);
}
