/** The words of the demo shop. */
import type { Language } from "../../src/locale";
import type { PhoneKind } from "./simulator";

export interface Words {
  shop: string;
  tagline: string;
  intro: string;
  otherLanguage: string;
  products: { name: string; price: number }[];
  currency: (amount: string) => string;
  askTitle: string;
  askHint: string;
  questions: string[];
  phonesTitle: string;
  phonesHint: string;
  phonesAway: string;
  kinds: Record<PhoneKind, string>;
  phoneLog: (channel: string) => string;
  emptyPhone: string;
  write: string;
  send: string;
  notSent: string;
  typing: string;
  marks: Record<string, string>;
  footer: string;
  console: string;
}

export const WORDS: Record<Language, Words> = {
  fa: {
    shop: "فروشگاه سپید",
    tagline: "وسایل ساده برای خانه",
    intro:
      "این یک فروشگاه نمایشی است. پرسش‌ها را دستیار هوشمند از روی سندهای خود فروشگاه پاسخ می‌دهد؛ هم در همین صفحه، هم در پیام‌رسان‌ها.",
    otherLanguage: "English",
    products: [
      { name: "قوری سفالی", price: 480_000 },
      { name: "چراغ رومیزی", price: 1_250_000 },
      { name: "سبد حصیری", price: 320_000 },
    ],
    currency: (amount) => `${amount} تومان`,
    askTitle: "از خود فروشگاه بپرسید",
    askHint: "یکی را بزنید تا در پنجرهٔ گفت‌وگو پرسیده شود، یا دکمهٔ گوشهٔ صفحه را باز کنید.",
    questions: ["ساعت کاری شما چیست؟", "چطور کالا را پس بدهم؟"],
    phonesTitle: "همان فروشگاه در پیام‌رسان‌ها",
    phonesHint: "این گوشی شبیه‌سازی شده است: نقش مشتری را بازی کنید. چیزی به بیرون فرستاده نمی‌شود.",
    phonesAway: "شبیه‌ساز پیام‌رسان‌ها در دسترس نیست.",
    kinds: { telegram: "تلگرام", bale: "بله", whatsapp: "واتساپ", instagram: "اینستاگرام" },
    phoneLog: (channel) => `گفت‌وگو در ${channel}`,
    emptyPhone: "هنوز پیامی نیست. چیزی بپرسید.",
    write: "پیام…",
    send: "فرستادن",
    notSent: "فرستاده نشد؛ دوباره بفرستید.",
    typing: "در حال نوشتن…",
    marks: { sent: "ارسال شد", delivered: "رسید", read: "خوانده شد", failed: "ارسال نشد" },
    footer: "نمایش Xin ChatBot",
    console: "کنسول اپراتورها",
  },
  en: {
    shop: "Sepid Shop",
    tagline: "Plain things for the home",
    intro:
      "This is a demonstration shop. An assistant answers questions from the shop's own documents, on this page and in the messengers.",
    otherLanguage: "فارسی",
    products: [
      { name: "Clay teapot", price: 480_000 },
      { name: "Desk lamp", price: 1_250_000 },
      { name: "Wicker basket", price: 320_000 },
    ],
    currency: (amount) => `${amount} toman`,
    askTitle: "Ask the shop itself",
    askHint: "Press one to ask it in the chat, or open the button in the corner of the page.",
    questions: ["What are your opening hours?", "How do I return an item?"],
    phonesTitle: "The same shop in the messengers",
    phonesHint: "This phone is simulated: play the customer. Nothing leaves this machine.",
    phonesAway: "The simulator of the messengers can't be reached.",
    kinds: { telegram: "Telegram", bale: "Bale", whatsapp: "WhatsApp", instagram: "Instagram" },
    phoneLog: (channel) => `Conversation on ${channel}`,
    emptyPhone: "No messages yet. Ask something.",
    write: "Message…",
    send: "Send",
    notSent: "Not sent; send it again.",
    typing: "typing…",
    marks: { sent: "sent", delivered: "delivered", read: "read", failed: "not sent" },
    footer: "A demonstration of Xin ChatBot",
    console: "Operators' console",
  },
};
