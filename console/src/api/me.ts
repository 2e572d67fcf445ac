/** Who is signed in. */
import { useQuery } from "@tanstack/react-query";

import { call } from "./client";

/** Null until it is known. It doesn't change while one is signed in. */
export function useOwnId(): string | null {
  const me = useQuery({
    queryKey: ["me"],
    queryFn: () => call<{ id: string }>("GET", "/me"),
    staleTime: Infinity,
  });
  return me.data?.id ?? null;
}
