/** The door and the shell: who isn't signed in sees the one, who is the other. */
import { useEffect, useSyncExternalStore } from "react";
import { useQueryClient } from "@tanstack/react-query";
import type { Language } from "@xin/widget/locale";

import { isSignedIn, onSession, signOut } from "./api/client";
import { useLive } from "./api/live";
import { ConversationsScreen } from "./features/conversations/ConversationsScreen";
import { KnowledgeScreen } from "./features/knowledge/KnowledgeScreen";
import { SignIn } from "./features/sign-in/SignIn";
import { setPreferences, THEMES, usePreferences, useWords, type Theme } from "./preferences";
import { hashOf, useRoute, type Route } from "./route";

const SECTIONS: Route[] = [{ screen: "conversations", conversation: null, status: null }, { screen: "knowledge" }];

export function App() {
  const signedIn = useSyncExternalStore(onSession, isSignedIn);
  const { product } = useWords();
  const queries = useQueryClient();

  useEffect(() => {
    document.title = product;
  }, [product]);
  useEffect(() => {
    if (!signedIn) queries.clear(); // the next to sign in may be of another tenant
  }, [signedIn, queries]);

  return signedIn ? <Shell /> : <SignIn preferences={<PreferenceSwitches />} />;
}

function Shell() {
  const words = useWords();
  const route = useRoute();
  const live = useLive();
  return (
    <div className="shell">
      <header className="shell-head">
        <strong>{words.product}</strong>
        <nav aria-label={words.nav.label}>
          {SECTIONS.map((section) => (
            <a
              key={section.screen}
              href={hashOf(section)}
              aria-current={section.screen === route.screen ? "page" : undefined}
            >
              {words.nav[section.screen]}
            </a>
          ))}
        </nav>
        <div className="shell-tools">
          <PreferenceSwitches />
          <button type="button" onClick={signOut}>
            {words.nav.signOut}
          </button>
        </div>
      </header>
      {live !== "open" && (
        <p className="banner" role="status">
          {words.live[live]}
        </p>
      )}
      {route.screen === "knowledge" ? <KnowledgeScreen /> : <ConversationsScreen route={route} />}
    </div>
  );
}

function PreferenceSwitches() {
  const { preferences: words } = useWords();
  const { language, theme } = usePreferences();
  const other: Language = language === "fa" ? "en" : "fa";
  return (
    <div className="switches">
      <select
        aria-label={words.theme}
        value={theme}
        onChange={(event) => setPreferences({ theme: event.target.value as Theme })}
      >
        {THEMES.map((each) => (
          <option key={each} value={each}>
            {words[each]}
          </option>
        ))}
      </select>
      <button type="button" lang={other} onClick={() => setPreferences({ language: other })}>
        {words.otherLanguage}
      </button>
    </div>
  );
}
