/** A shop's page as a customer of ours would have it. */
import { formatNumber, type Language } from "../../../src/locale";
import type { ShopWords } from "./words";

const DRAWINGS = [
  "M14 26c0-8 5-12 11-12s11 4 11 12c0 7-4 11-11 11s-11-4-11-11Zm22-3c5 0 8-2 9-6M14 27c-5 0-8-3-8-7s4-5 8-2M22 14c0-2 1-3 3-3s3 1 3 3",
  "M16 24 21 10h10l5 14ZM26 24v13M17 38h18",
  "M10 22h32l-4 16H14ZM16 22c0-7 4-12 10-12s10 5 10 12M13 28h26M14 33h24M21 22l2 16M31 22l-2 16",
];

export function Shop({ words, language }: { words: ShopWords; language: Language }) {
  return (
    <div class="shop">
      <header>
        <p class="shop-name">{words.shop}</p>
        <p class="soft">{words.tagline}</p>
      </header>
      <main>
        <section class="ask">
          <h1>{words.askTitle}</h1>
          <p>{words.intro}</p>
          <div class="chips">
            {words.questions.map((question) => (
              <button key={question} type="button" class="chip" onClick={() => window.XinChat?.ask(question)}>
                {question}
              </button>
            ))}
          </div>
          <p class="soft">{words.askHint}</p>
        </section>
        <ul class="products">
          {words.products.map(({ name, price }, index) => (
            <li key={name}>
              <svg viewBox="0 0 52 48" aria-hidden="true">
                <path d={DRAWINGS[index] ?? ""} />
              </svg>
              <span>{name}</span>
              <span class="soft">{words.currency(formatNumber(price, language))}</span>
            </li>
          ))}
        </ul>
      </main>
    </div>
  );
}
