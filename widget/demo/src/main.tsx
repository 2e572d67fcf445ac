/** `/demo?lang=fa|en`: the shop, and on it the widget by the one tag that a customer of ours would paste. */
import { render } from "preact";

import type {} from "../../src/loader/embed";
import { applyLanguage, chooseLanguage, type Language } from "../../src/locale";
import { Shop } from "./Shop";
import { WORDS } from "./words";
import "../../src/fonts/vazirmatn.css";
import "../../src/tokens.css";
import "./demo.css";

interface DemoConfig {
  widget_id: string;
  api_url?: string;
}

const language = chooseLanguage(new URLSearchParams(location.search).get("lang"));
applyLanguage(language);
document.title = WORDS[language].shop;

const app = document.getElementById("app");
if (app) render(<Shop language={language} />, app);
void embedWidget(language);

async function embedWidget(lang: Language): Promise<void> {
  const response = await fetch("/demo/config.json", { cache: "no-store" });
  const config = (await response.json()) as DemoConfig;
  const tag = document.createElement("script");
  tag.async = true;
  tag.src = "/embed.js";
  tag.dataset.widgetId = config.widget_id;
  tag.dataset.lang = lang;
  if (config.api_url) tag.dataset.apiUrl = config.api_url;
  document.head.append(tag);
}
