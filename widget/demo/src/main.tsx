/** `/demo/?lang=fa|en#telegram`: a phone for every channel, and beside it what leaves and what comes in. */
import { render } from "preact";

import { applyLanguage, chooseLanguage } from "../../src/locale";
import { Demo } from "./Demo";
import { WORDS } from "./words";
import "../../src/fonts/vazirmatn.css";
import "../../src/tokens.css";
import "./demo.css";
import "./phone.css";
import "./wire.css";

const language = chooseLanguage(new URLSearchParams(location.search).get("lang"));
applyLanguage(language);
document.title = WORDS[language].title;

const app = document.getElementById("app");
if (app) render(<Demo language={language} />, app);
