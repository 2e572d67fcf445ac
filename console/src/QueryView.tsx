/** Three of the four faces of a query: loading, failed, nothing there. The fourth is drawn by *children*. */
import type { ReactNode } from "react";
import type { UseInfiniteQueryResult } from "@tanstack/react-query";

import { Problem } from "./api/problem";
import { useWords } from "./preferences";

interface QueryViewProps<Item> {
  query: UseInfiniteQueryResult<Item[]>;
  empty: string;
  children: (items: Item[]) => ReactNode;
}

export function QueryView<Item>({ query, empty, children }: QueryViewProps<Item>) {
  const { states } = useWords();
  if (query.data?.length) return children(query.data);
  if (query.isError) {
    return (
      <div className="state" role="alert">
        <p>{usableDetail(query.error) || states.unreachable}</p>
        <button type="button" onClick={() => void query.refetch()}>
          {states.retry}
        </button>
      </div>
    );
  }
  return <p className="state">{query.isPending ? states.loading : empty}</p>;
}

/** What the server said about it, when it said something. */
export function usableDetail(error: unknown): string {
  return error instanceof Problem ? error.detail : "";
}
