/** What the product says of the demo: whether it is open, and which channels can be played. */
import { useEffect, useState } from "preact/hooks";

export const KINDS = ["telegram", "bale", "whatsapp", "instagram", "web"] as const;
export type Kind = (typeof KINDS)[number];

/**
 * `simulated`: it can be played. `elsewhere`: the environment names another API, which gets the answers. `real`: it has
 * a provider's token of its own. `gone`: removed, or switched off.
 */
export type ChannelState = "simulated" | "elsewhere" | "real" | "gone";

export interface Config {
  /** Whether the shop's documents answer. */
  open: boolean;
  widget_id: string;
  api_url: string;
  channels: Record<Kind, ChannelState>;
}

export const AGAIN_MS = 1_500;

export async function loadConfig(): Promise<Config> {
  const response = await fetch("/demo/config.json", { cache: "no-store" });
  if (!response.ok) throw new Error(`config.json answered ${response.status}`);
  return (await response.json()) as Config;
}

/** The configuration, null while there is none; asked for again until the demo is open. `isAway`: the last try failed. */
export function useConfig(): { config: Config | null; isAway: boolean } {
  const [config, setConfig] = useState<Config | null>(null);
  const [isAway, setAway] = useState(false);
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    let isOver = false;
    async function ask(): Promise<void> {
      const found = await loadConfig().catch(() => null);
      if (isOver) return;
      if (found) setConfig(found);
      setAway(found === null);
      if (!found?.open) timer = setTimeout(() => void ask(), AGAIN_MS);
    }
    void ask();
    return () => {
      isOver = true;
      clearTimeout(timer);
    };
  }, []);
  return { config, isAway };
}
