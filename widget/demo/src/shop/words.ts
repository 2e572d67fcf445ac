/** The words of the demo shop. */
import type { Language } from "../../../src/locale";

export interface ShopWords {
  shop: string;
  tagline: string;
  products: { name: string; price: number }[];
  currency: (amount: string) => string;
  askTitle: string;
  intro: string;
  askHint: string;
  questions: string[];
}

export const SHOP_WORDS: Record<Language, ShopWords> = {
  fa: {
    shop: "فروشگاه سپید",
    tagline: "وسایل ساده برای خانه",
    products: [
      { name: "قوری سفالی", price: 480_000 },
      { name: "چراغ رومیزی", price: 1_250_000 },
      { name: "سبد حصیری", price: 320_000 },
    ],
    currency: (amount) => `${amount} تومان`,
    askTitle: "از خود فروشگاه بپرسید",
    intro: "این یک فروشگاه نمایشی است. دستیار هوشمند از روی سندهای خود فروشگاه پاسخ می‌دهد.",
    askHint: "یکی را بزنید، یا دکمهٔ گوشهٔ صفحه را باز کنید.",
    questions: ["ساعت کاری شما چیست؟", "چطور کالا را پس بدهم؟"],
  },
  en: {
    shop: "Sepid Shop",
    tagline: "Plain things for the home",
    products: [
      { name: "Clay teapot", price: 480_000 },
      { name: "Desk lamp", price: 1_250_000 },
      { name: "Wicker basket", price: 320_000 },
    ],
    currency: (amount) => `${amount} toman`,
    askTitle: "Ask the shop itself",
    intro: "This is a demonstration shop. An assistant answers from the shop's own documents.",
    askHint: "Press one, or open the button in the corner.",
    questions: ["What are your opening hours?", "How do I return an item?"],
  },
};
