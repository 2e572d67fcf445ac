/** The tenant's documents: what the bot answers from. */
import { queryOptions } from "@tanstack/react-query";

import { call, callWithStatus } from "../../api/client";
import { pagesOf } from "../../api/pages";

export interface Asset {
  id: string;
  title: string;
  name: string;
  status: "pending" | "indexing" | "ready" | "failed";
  reason: string | null;
  /** Parts read so far, and of how many once that is known. */
  progress: { position: number; total: number | null };
  created_at: string;
}

export interface Passage {
  asset_id: string;
  chunk_id: string;
  title: string;
  place: string;
  text: string;
  score: number;
}

/** Between two looks at documents that are still being read; the live stream usually tells sooner. */
const LOOK_AGAIN_MS = 3_000;

export function assetsQuery() {
  return {
    ...pagesOf<Asset>(["knowledge", "list"], "/knowledge"),
    refetchInterval: (query: { state: { data?: { pages: { items: Asset[] }[] } | undefined } }) =>
      query.state.data?.pages.some((page) => page.items.some(isBusy)) ? LOOK_AGAIN_MS : false,
  };
}

/** Whether we had these very bytes already. */
export async function upload(file: File): Promise<"new" | "known"> {
  const form = new FormData();
  form.append("file", file);
  const { status } = await callWithStatus("POST", "/knowledge", form);
  return status === 200 ? "known" : "new";
}

export function remove(id: string): Promise<unknown> {
  return call("DELETE", `/knowledge/${encodeURIComponent(id)}`);
}

/** The passages that an answer to *query* would be made of, the best first. */
export function searchQuery(query: string) {
  return queryOptions({
    queryKey: ["knowledge", "search", query],
    queryFn: async () => (await call<{ items: Passage[] }>("POST", "/knowledge/search", { query, limit: 5 })).items,
    enabled: query !== "",
  });
}

function isBusy(asset: Asset): boolean {
  return asset.status === "pending" || asset.status === "indexing";
}
