/** The app's side of the talk with the page it is framed in. */
import { asTheme, isHostMessage, type FrameMessage, type HostMessage } from "../frame-messages";

export interface Host {
  /** Whether there is a page around us at all; `/widget/` can be visited by itself. */
  isFramed: boolean;
  tell(message: FrameMessage): void;
}

/** Listens to the page around us. It is answered from its greeting on, at exactly the origin that the greeting had. */
export function meetHost(onMessage: (message: HostMessage) => void): Host {
  const isFramed = window.parent !== window;
  let origin: string | null = null;

  function tell(message: FrameMessage): void {
    if (origin) window.parent.postMessage(message, origin);
  }

  window.addEventListener("message", (event: MessageEvent<unknown>) => {
    if (!isFramed || event.source !== window.parent || !isHostMessage(event.data)) return;
    const message = event.data;
    if (message.xin === "hello" && origin === null) {
      origin = event.origin;
      applyTheme(message.theme);
      tell({ xin: "ready" });
    } else if (event.origin === origin) {
      if (message.xin === "theme") applyTheme(message.theme);
      else onMessage(message);
    }
  });
  return { isFramed, tell };
}

function applyTheme(theme: unknown): void {
  document.documentElement.dataset.theme = asTheme(theme);
}
