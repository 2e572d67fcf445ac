/** The page: its head, a tab for every channel, and the channel that is chosen. The choice stands after the `#`. */
import { useEffect, useState } from "preact/hooks";
import type { TargetedKeyboardEvent } from "preact";

import { directionOf, type Language } from "../../src/locale";
import { ChannelPanel } from "./ChannelPanel";
import { KINDS, useConfig, type Kind } from "./config";
import { WORDS, type Words } from "./words";

export function Demo({ language }: { language: Language }) {
  const words = WORDS[language];
  const other: Language = language === "fa" ? "en" : "fa";
  const { config, isAway } = useConfig();
  const [kind, choose] = useChosenKind();

  return (
    <div class="demo">
      <header class="demo-head">
        <strong>{words.product}</strong>
        <nav>
          <a href="/console/">{words.console}</a>
          <a href={`?lang=${other}#${kind}`} lang={other} hreflang={other}>
            {words.otherLanguage}
          </a>
        </nav>
      </header>
      <main>
        <h1>{words.title}</h1>
        <p class="intro">{words.intro}</p>
        <div role="status">
          {isAway && <p class="banner">{words.productAway}</p>}
          {config && !config.open && !isAway && <p class="banner">{words.starting}</p>}
        </div>
        <Tabs words={words} language={language} chosen={kind} onChoose={choose} />
        <section class="channel" role="tabpanel" id="channel" aria-labelledby={`tab-${kind}`}>
          {config && <ChannelPanel key={kind} kind={kind} config={config} language={language} />}
        </section>
      </main>
      <footer class="soft">{words.footer}</footer>
    </div>
  );
}

interface TabsProps {
  words: Words;
  language: Language;
  chosen: Kind;
  onChoose: (kind: Kind) => void;
}

function Tabs({ words, language, chosen, onChoose }: TabsProps) {
  function moveByKey(event: TargetedKeyboardEvent<HTMLButtonElement>): void {
    const forward = directionOf(language) === "rtl" ? "ArrowLeft" : "ArrowRight";
    const place = KINDS.indexOf(chosen);
    const places: Record<string, number> = {
      ArrowLeft: place + (forward === "ArrowLeft" ? 1 : -1),
      ArrowRight: place + (forward === "ArrowRight" ? 1 : -1),
      Home: 0,
      End: KINDS.length - 1,
    };
    const wanted = places[event.key];
    if (wanted === undefined) return;
    event.preventDefault();
    const next = KINDS.at(wanted % KINDS.length) ?? chosen;
    onChoose(next);
    document.getElementById(`tab-${next}`)?.focus();
  }

  return (
    <div class="tabs" role="tablist" aria-label={words.channels}>
      {KINDS.map((kind) => (
        <button
          key={kind}
          type="button"
          role="tab"
          id={`tab-${kind}`}
          class={`is-${kind}`}
          aria-controls="channel"
          aria-selected={kind === chosen}
          tabIndex={kind === chosen ? 0 : -1}
          onClick={() => onChoose(kind)}
          onKeyDown={moveByKey}
        >
          {words.kinds[kind]}
        </button>
      ))}
    </div>
  );
}

function useChosenKind(): [Kind, (kind: Kind) => void] {
  const [kind, setKind] = useState(kindOf(location.hash));
  useEffect(() => {
    const follow = () => setKind(kindOf(location.hash));
    addEventListener("hashchange", follow);
    return () => removeEventListener("hashchange", follow);
  }, []);
  return [
    kind,
    (next) => {
      history.replaceState(null, "", `#${next}`);
      setKind(next);
    },
  ];
}

function kindOf(hash: string): Kind {
  return KINDS.find((kind) => `#${kind}` === hash) ?? "telegram";
}
