/** Every collection of the API comes in pages: `{items, next_cursor}`. */
import { infiniteQueryOptions, type InfiniteData, type QueryKey } from "@tanstack/react-query";

import { call } from "./client";

export interface Page<Item> {
  items: Item[];
  next_cursor: string | null;
}

const LIMIT = "50";

/** A query that reads *path* page after page, as far as it is asked to. */
export function pagesOf<Item>(key: QueryKey, path: string, filters: Record<string, string> = {}) {
  return infiniteQueryOptions({
    queryKey: key,
    initialPageParam: "",
    queryFn: ({ pageParam }) => {
      const query = new URLSearchParams({ ...filters, limit: LIMIT, ...(pageParam ? { cursor: pageParam } : {}) });
      return call<Page<Item>>("GET", `${path}?${query}`);
    },
    getNextPageParam: (page: Page<Item>) => page.next_cursor,
    select: (data: InfiniteData<Page<Item>>) => data.pages.flatMap((page) => page.items),
  });
}
