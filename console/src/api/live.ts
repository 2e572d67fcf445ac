/**
 * Keeps what is on screen fresh: console-api's stream says what kind of thing changed, and what we hold of it is read
 * again. After a break everything is, as changes may have been missed.
 */
import { useEffect, useRef, useState } from "react";
import { useQueryClient } from "@tanstack/react-query";
import { follow, type StreamState } from "@xin/widget/event-stream";

import { apiUrl, authorization, forgetAccess } from "./client";
import { staleAfter } from "./stale";

/** Follows the stream while the component stands. The state is for the banner. */
export function useLive(): StreamState {
  const queries = useQueryClient();
  const [state, setState] = useState<StreamState>("open");
  const [renewals, setRenewals] = useState(0);
  const hasRenewedRef = useRef(false);

  useEffect(() => {
    let wasLost = renewals > 0;
    return follow({
      url: () => apiUrl("/events"),
      authorization,
      onEvent: (event) => {
        for (const queryKey of staleAfter(event)) void queries.invalidateQueries({ queryKey });
      },
      onState: (next, status) => {
        if (next === "open") {
          hasRenewedRef.current = false;
          if (wasLost) void queries.invalidateQueries();
        }
        wasLost = next !== "open";
        setState(next);
        // The session may have been ended elsewhere: a new token tells, but only once, else we would ask for ever.
        if (next === "refused" && status === 401 && !hasRenewedRef.current) {
          hasRenewedRef.current = true;
          forgetAccess();
          setRenewals((count) => count + 1);
        }
      },
    });
  }, [queries, renewals]);

  return state;
}
