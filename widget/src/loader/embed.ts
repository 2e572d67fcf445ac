/**
 * The one tag on a customer's site:
 * `<script async src="https://…/embed.js" data-widget-id="…"></script>`
 * Also read: `data-lang`, `data-theme` (light, dark, auto), `data-api-url` (where ingress-web is, when it isn't here).
 *
 * A polite guest: one button in a shadow root; the frame is fetched at the visitor's first sign of interest. It leaves
 * one global, `XinChat`, and works under a Content-Security-Policy that forbids inline styles.
 */
import { chooseLanguage, directionOf, formatNumber, type Language } from "../locale";
import { asTheme, isFrameMessage, type FrameMessage, type HostMessage, type Theme } from "../frame-messages";
import css from "./launcher.css?inline";

export interface XinChat {
  open(): void;
  close(): void;
  /** Opens the chat and asks *text* in the visitor's name; for a page's own suggested questions. */
  ask(text: string): void;
  /** For pages with a switch of their own for light and dark. */
  setTheme(theme: Theme): void;
}

declare global {
  interface Window {
    XinChat?: XinChat;
  }
}

const WORDS: Record<Language, { open: string; frame: string; unread: (count: string) => string }> = {
  fa: { open: "گفت‌وگو با ما", frame: "پنجرهٔ گفت‌وگو", unread: (count) => `گفت‌وگو با ما، ${count} پیام نخوانده` },
  en: { open: "Chat with us", frame: "Chat", unread: (count) => `Chat with us, ${count} unread` },
};

const ICON =
  "M4 4h16a2 2 0 0 1 2 2v9a2 2 0 0 1-2 2h-6l-5 4v-4H4a2 2 0 0 1-2-2V6a2 2 0 0 1 2-2Zm3 5v2h10V9Zm0 3.5v2h6v-2Z";

function start(script: HTMLScriptElement): void {
  const { widgetId, apiUrl, lang, theme: wantedTheme } = script.dataset;
  if (!widgetId || window.XinChat) return; // a second tag must not make a second button
  const language = chooseLanguage(lang, document.documentElement.lang, navigator.language);
  const address = new URL("widget/", script.src);
  address.search = String(new URLSearchParams({ widget_id: widgetId, lang: language }));
  if (apiUrl) address.searchParams.set("api_url", apiUrl);
  window.XinChat = mount(address, language, asTheme(wantedTheme));
}

function mount(address: URL, language: Language, firstTheme: Theme): XinChat {
  const words = WORDS[language];
  const { root, launcher, badge } = draw(language);
  let theme = firstTheme;
  let frame: HTMLIFrameElement | null = null;
  let isReady = false;
  let waiting: HostMessage[] = [];

  function say(message: HostMessage): void {
    if (!isReady) waiting.push(message);
    else frame?.contentWindow?.postMessage(message, address.origin);
  }

  function load(): HTMLIFrameElement {
    if (frame) return frame;
    frame = document.createElement("iframe");
    frame.className = "frame";
    frame.title = words.frame;
    frame.hidden = true;
    frame.src = address.href;
    // The app can't know whom to answer before it is greeted, so this one goes out as soon as its document stands.
    frame.addEventListener("load", () => {
      frame?.contentWindow?.postMessage({ xin: "hello", theme } satisfies HostMessage, address.origin);
    });
    root.append(frame);
    return frame;
  }

  function open(): void {
    load().hidden = false;
    launcher.hidden = true;
    launcher.setAttribute("aria-expanded", "true");
    showUnread(0);
    frame?.focus();
    say({ xin: "opened" });
  }

  function close(): void {
    if (frame?.hidden !== false) return;
    frame.hidden = true;
    launcher.hidden = false;
    launcher.setAttribute("aria-expanded", "false");
    launcher.focus();
    say({ xin: "closed" });
  }

  function showUnread(count: number): void {
    const digits = formatNumber(count, language);
    badge.textContent = digits;
    badge.hidden = count === 0;
    launcher.setAttribute("aria-label", count ? words.unread(digits) : words.open);
  }

  const actions: Record<FrameMessage["xin"], (message: FrameMessage) => void> = {
    ready: () => {
      isReady = true;
      const kept = waiting;
      waiting = [];
      kept.forEach(say);
    },
    close,
    unread: (message) => {
      if ("count" in message && frame?.hidden) showUnread(message.count);
    },
  };

  window.addEventListener("message", (event: MessageEvent<unknown>) => {
    const isOurs = frame !== null && event.source === frame.contentWindow && event.origin === address.origin;
    if (isOurs && isFrameMessage(event.data)) actions[event.data.xin](event.data);
  });
  launcher.addEventListener("pointerenter", load);
  launcher.addEventListener("focus", load);
  launcher.addEventListener("click", open);

  return {
    open,
    close,
    ask: (text) => {
      open();
      say({ xin: "ask", text });
    },
    setTheme: (next) => {
      theme = next;
      say({ xin: "theme", theme });
    },
  };
}

/** The button, in a shadow root so that the host page's styles and ours never meet. */
function draw(language: Language): { root: ShadowRoot; launcher: HTMLButtonElement; badge: HTMLElement } {
  const host = document.createElement("div");
  host.lang = language;
  host.dir = directionOf(language);
  const root = host.attachShadow({ mode: "open" });
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(css);
  root.adoptedStyleSheets = [sheet];

  const launcher = document.createElement("button");
  launcher.type = "button";
  launcher.className = "launcher";
  launcher.setAttribute("aria-label", WORDS[language].open);
  launcher.setAttribute("aria-expanded", "false");
  launcher.append(drawIcon());
  const badge = document.createElement("span");
  badge.className = "badge";
  badge.hidden = true;
  badge.ariaHidden = "true"; // the button's own name says it
  launcher.append(badge);
  root.append(launcher);
  document.body.append(host);
  return { root, launcher, badge };
}

function drawIcon(): SVGSVGElement {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("fill", "currentColor");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  path.setAttribute("d", ICON);
  path.setAttribute("fill-rule", "evenodd");
  svg.append(path);
  return svg;
}

// Only a classic script knows its own tag, and only while it runs first; in a module this would be null.
const tag = document.currentScript;
if (tag instanceof HTMLScriptElement) {
  // An async script from the cache can run before there is a body.
  if (document.readyState === "loading") addEventListener("DOMContentLoaded", () => start(tag), { once: true });
  else start(tag);
}
