import type { Words } from "../../words/fa";

/** The channel's name in the operator's language; a kind we have no word for yet keeps its own. */
export function channelName(kind: string, { conversations: { channels } }: Words): string {
  return kind in channels ? channels[kind as keyof typeof channels] : kind;
}
