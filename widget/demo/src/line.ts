/** Whether we still hear of what we show. A line that is back at once is not worth a word: every stream ends now and then. */
import type { StreamState } from "../../src/stream/event-stream";

export type Line = "open" | "lost" | "refused";

const GRACE_MS = 1_500;

export interface LineWatch {
  onState: (state: StreamState) => void;
  stop: () => void;
}

export function watchLine(tell: (line: Line) => void): LineWatch {
  let timer: ReturnType<typeof setTimeout> | undefined;
  function stop(): void {
    clearTimeout(timer);
    timer = undefined;
  }
  return {
    stop,
    onState: (state) => {
      if (state === "waiting") timer ??= setTimeout(() => tell("lost"), GRACE_MS);
      else {
        stop();
        tell(state === "open" ? "open" : "refused");
      }
    },
  };
}
