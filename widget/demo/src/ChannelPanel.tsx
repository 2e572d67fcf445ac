/** One channel: its phone, or why it can't be played here. */
import { useEffect, useState } from "preact/hooks";

import type { Language } from "../../src/locale";
import type { Config, Kind } from "./config";
import { PhonePanel } from "./PhonePanel";
import { listAccounts, type Account } from "./simulator";
import { SitePanel } from "./SitePanel";
import { WORDS } from "./words";

/** Where each provider's API is, as the adapter's settings have it by default. */
export const HOSTS: Record<Exclude<Kind, "web">, string> = {
  telegram: "api.telegram.org",
  bale: "tapi.bale.ai",
  whatsapp: "graph.facebook.com",
  instagram: "graph.instagram.com",
};

interface ChannelPanelProps {
  kind: Kind;
  config: Config;
  language: Language;
}

export function ChannelPanel({ kind, config, language }: ChannelPanelProps) {
  const words = WORDS[language];
  const state = config.channels[kind];
  if (state === "real" || state === "gone") return <p class="banner">{words.states[state](words.kinds[kind])}</p>;
  if (kind === "web") return <SitePanel config={config} language={language} />;
  return (
    <>
      {state === "elsewhere" && <p class="banner">{words.states.elsewhere(HOSTS[kind])}</p>}
      <SimulatedPhone kind={kind} language={language} />
    </>
  );
}

function SimulatedPhone({ kind, language }: { kind: Exclude<Kind, "web">; language: Language }) {
  const { phone: words, retry } = WORDS[language];
  const [account, setAccount] = useState<Account | null>(null);
  const [isMissing, setMissing] = useState(false);

  function find(): void {
    listAccounts().then(
      (accounts) => {
        const found = accounts.find((each) => each.kind === kind) ?? null;
        setAccount(found);
        setMissing(found === null);
      },
      () => setMissing(true),
    );
  }
  // The panel is made anew for each kind.
  // eslint-disable-next-line react-hooks/exhaustive-deps
  useEffect(find, []);

  if (account) return <PhonePanel account={account} language={language} />;
  if (!isMissing) return null;
  return (
    <p class="banner" role="alert">
      {words.unplugged}{" "}
      <button type="button" onClick={find}>
        {retry}
      </button>
    </p>
  );
}
