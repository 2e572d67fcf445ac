/** The operator's language and colours, kept in this browser and applied to the document at once. */
import { useSyncExternalStore } from "react";
import { applyLanguage, chooseLanguage, type Language } from "@xin/widget/locale";

import { en } from "./words/en";
import { fa, type Words } from "./words/fa";

export const THEMES = ["auto", "light", "dark"] as const;
export type Theme = (typeof THEMES)[number];

export interface Preferences {
  language: Language;
  theme: Theme;
}

const KEY = "xin-console:preferences";
const WORDS: Record<Language, Words> = { fa, en };
const listeners = new Set<() => void>();
let current = read();
apply(current);

export function setPreferences(change: Partial<Preferences>): void {
  current = { ...current, ...change };
  localStorage.setItem(KEY, JSON.stringify(current));
  apply(current);
  for (const listener of listeners) listener();
}

export function usePreferences(): Preferences {
  return useSyncExternalStore(subscribe, () => current);
}

export function useWords(): Words {
  return WORDS[usePreferences().language];
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

function read(): Preferences {
  let kept: Partial<Preferences> = {};
  try {
    kept = JSON.parse(localStorage.getItem(KEY) ?? "{}") as Partial<Preferences>;
  } catch {
    // Written by something else: as good as nothing.
  }
  const theme = THEMES.find((known) => known === kept.theme) ?? "auto";
  return { language: chooseLanguage(kept.language, navigator.language), theme };
}

function apply({ language, theme }: Preferences): void {
  applyLanguage(language);
  document.documentElement.dataset.theme = theme;
}
