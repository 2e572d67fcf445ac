/** `/demo/shop/?lang=fa|en`: a shop's page, and on it the widget by the one tag that a customer of ours would paste. */
import { render } from "preact";

import type {} from "../../../src/loader/embed";
import { applyLanguage, chooseLanguage, type Language } from "../../../src/locale";
import { AGAIN_MS, loadConfig } from "../config";
import { Shop } from "./Shop";
import { SHOP_WORDS } from "./words";
import "../../../src/fonts/vazirmatn.css";
import "../../../src/tokens.css";
import "./shop.css";

const language = chooseLanguage(new URLSearchParams(location.search).get("lang"));
applyLanguage(language);
document.title = SHOP_WORDS[language].shop;

const app = document.getElementById("app");
if (app) render(<Shop words={SHOP_WORDS[language]} language={language} />, app);
embedWidget(language);

/** Tries until the product says which widget is the shop's. */
function embedWidget(lang: Language): void {
  loadConfig().then(
    ({ widget_id, api_url }) => {
      const tag = document.createElement("script");
      tag.async = true;
      tag.src = "/embed.js";
      Object.assign(tag.dataset, { widgetId: widget_id, apiUrl: api_url, lang });
      document.head.append(tag);
    },
    () => setTimeout(() => embedWidget(lang), AGAIN_MS),
  );
}
