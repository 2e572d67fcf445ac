/** Starts the chat app at `/widget/?widget_id=…&lang=…`, in a frame or by itself. */
import { effect } from "@preact/signals";
import { render } from "preact";

import { applyLanguage, chooseLanguage } from "../locale";
import { WidgetApi } from "./api";
import { Chat } from "./Chat";
import { meetHost } from "./host";
import { Memory } from "./memory";
import { ChatSession } from "./session";
import { WORDS } from "./words";
import "../fonts/vazirmatn.css";
import "../tokens.css";
import "./app.css";

const query = new URLSearchParams(location.search);
const language = chooseLanguage(query.get("lang"), navigator.language);
const widgetId = query.get("widget_id") ?? "";
const apiUrl = chooseApiUrl(query.get("api_url"));

applyLanguage(language);
document.title = WORDS[language].title;

const session = new ChatSession(new WidgetApi(apiUrl, widgetId), new Memory(apiUrl, widgetId), language);
const host = meetHost((message) => {
  if (message.xin === "opened") session.opened();
  else if (message.xin === "closed") session.closed();
  else if (message.xin === "ask") void session.send(message.text);
});
effect(() => host.tell({ xin: "unread", count: session.isOpen.value ? 0 : session.unread.value }));

const close = () => host.tell({ xin: "close" });
const app = document.getElementById("app");
if (app) render(<Chat session={session} language={language} onClose={host.isFramed ? close : null} />, app);
if (!host.isFramed) session.opened();

/** ingress-web beside us, unless the page says where else it is. No trailing slash. */
function chooseApiUrl(wanted: string | null): string {
  const url = new URL(wanted ?? "/fn/ingress-web", location.href);
  const isWeb = url.protocol === "https:" || url.protocol === "http:";
  return (isWeb ? url : new URL("/fn/ingress-web", location.href)).href.replace(/\/$/, "");
}
