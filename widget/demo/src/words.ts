/** The words of the page around the phones. One whole message a key. */
import type { Language } from "../../src/locale";
import type { Kind } from "./config";
import type { PhoneKind } from "./simulator";
import type { Subject } from "./subject";

export interface Words {
  product: string;
  title: string;
  intro: string;
  console: string;
  otherLanguage: string;
  channels: string;
  kinds: Record<Kind, string>;
  shop: string;
  customer: string;
  starting: string;
  productAway: string;
  retry: string;
  states: { elsewhere: (host: string) => string; real: (channel: string) => string; gone: (channel: string) => string };
  phone: PhoneWords;
  controls: ControlWords;
  wire: WireWords;
  site: SiteWords;
  footer: string;
}

export interface PhoneWords {
  log: (channel: string) => string;
  empty: string;
  write: string;
  send: string;
  typing: string;
  suggestions: string;
  questions: string[];
  off: string;
  switchOn: string;
  youBlocked: string;
  unblock: string;
  lost: string;
  unplugged: string;
  refused: string;
  notSent: { lost: string; tooLong: string; refused: string };
  byHand: string;
  details: string;
  cameIn: string;
  marks: Record<"sent" | "delivered" | "read" | "failed" | "taken", string>;
  customerMarks: Record<"sent" | "read", string>;
  notTaken: string;
  waits: string;
  never: string;
}

export interface ControlWords {
  title: string;
  number: string;
  another: string;
  mode: string;
  modes: Record<"reads" | "ignores" | "off", string>;
  block: string;
  unblock: string;
  hints: Record<PhoneKind, string>;
  byHand: (channel: string) => string;
  byHandHint: string;
  byHandSend: string;
  inConsole: string;
  notYetInConsole: string;
}

export interface WireWords {
  title: string;
  hint: (host: string) => string;
  empty: string;
  ours: string;
  theirs: string;
  subjects: Record<Subject, string>;
  request: string;
  webhook: string;
  answer: (status: string, ms: string) => string;
  noAnswer: string;
  nothing: string;
}

export interface SiteWords {
  frame: string;
  hint: string;
  empty: string;
  names: Record<string, string>;
  roles: Record<string, string>;
  event: string;
  another: string;
  title: string;
  controls: string;
}

export const WORDS: Record<Language, Words> = {
  fa: {
    product: "Xin ChatBot",
    title: "نقش مشتری را بازی کنید",
    intro:
      "یک فروشگاه نمایشی که روی پنج کانال پاسخ می‌دهد. پیام بنویسید و ببینید چه پاسخی می‌رسد و برای رساندنش چه درخواستی فرستاده می‌شود. حساب کاربری لازم نیست و چیزی از این دستگاه بیرون نمی‌رود.",
    console: "کنسول اپراتورها",
    otherLanguage: "English",
    channels: "کانال‌ها",
    kinds: { telegram: "تلگرام", bale: "بله", whatsapp: "واتساپ", instagram: "اینستاگرام", web: "سایت" },
    shop: "فروشگاه سپید",
    customer: "مریم",
    starting: "فروشگاه در حال آماده شدن است: سندهایش هنوز خوانده می‌شوند. کمی دیگر پاسخ می‌دهد.",
    productAway: "برنامه پاسخ نمی‌دهد؛ شاید هنوز بالا نیامده است. دوباره می‌پرسیم…",
    retry: "تلاش دوباره",
    states: {
      elsewhere: (host) =>
        `در تنظیمات، نشانی دیگری جای ${host} آمده است؛ پاسخ‌ها به آن نشانی می‌روند و شاید روی این گوشی دیده نشوند.`,
      real: (channel) =>
        `${channel} با توکن واقعی وصل شده است: پاسخ‌ها به فراهم‌کنندهٔ واقعی می‌روند و این کانال را نمی‌شود این‌جا بازی کرد.`,
      gone: (channel) => `کانال ${channel} در کنسول پاک یا خاموش شده است.`,
    },
    phone: {
      log: (channel) => `گفت‌وگو در ${channel}`,
      empty: "هنوز پیامی نیست. چیزی بپرسید.",
      write: "پیام…",
      send: "فرستادن",
      typing: "در حال نوشتن…",
      suggestions: "پرسش‌های پیشنهادی",
      questions: ["ساعت کاری شما چیست؟", "چطور کالا را پس بدهم؟", "می‌خواهم با آدم صحبت کنم"],
      off: "گوشی خاموش است. آنچه برسد پس از روشن شدن دیده می‌شود.",
      switchOn: "روشن کردن",
      youBlocked: "شما این فروشگاه را مسدود کرده‌اید.",
      unblock: "رفع مسدودی",
      lost: "ارتباط قطع شد؛ دوباره وصل می‌شویم…",
      unplugged: "شبیه‌ساز این گوشی را نمی‌شناسد.",
      refused: "فراهم‌کننده پاسخ را نپذیرفت:",
      notSent: {
        lost: "نرسید؛ دوباره بفرستید.",
        tooLong: "پذیرفته نشد: پیام خیلی بلند است (بیشتر از ۴۰۹۶ نویسه).",
        refused: "شبیه‌ساز این پیام را نپذیرفت.",
      },
      byHand: "کارمند، در خودِ برنامه",
      details: "چه رفت؟",
      cameIn: "چه آمد؟",
      marks: {
        taken: "پذیرفته شد",
        sent: "ارسال شد",
        delivered: "به گوشی رسید",
        read: "خوانده شد",
        failed: "نرسید",
      },
      customerMarks: { sent: "ارسال شد", read: "فروشگاه خواند" },
      notTaken: "پلتفرم هنوز تحویل نگرفته؛ فراهم‌کننده دوباره می‌فرستد",
      waits: "منتظر روشن شدن گوشی",
      never: "به گوشی نمی‌رسد",
    },
    controls: {
      title: "گوشی مشتری",
      number: "شناسه:",
      another: "مشتری تازه",
      mode: "حالت گوشی",
      modes: { reads: "می‌خواند", ignores: "نمی‌خواند", off: "خاموش" },
      block: "مسدود کردن فروشگاه",
      unblock: "رفع مسدودی فروشگاه",
      hints: {
        telegram: "تلگرام به ربات نمی‌گوید پیامش رسید یا خوانده شد؛ فقط مسدود شدن را خبر می‌دهد.",
        bale: "بله نمی‌گوید پیام رسید یا خوانده شد، و مسدود شدن را فقط با نپذیرفتن پاسخ بعدی نشان می‌دهد.",
        whatsapp:
          "واتساپ ارسال، رسیدن و خواندن را خبر می‌دهد. شماره آلمانی است: API رسمی به شماره‌های ایران پیام نمی‌رساند.",
        instagram: "اینستاگرام رسیدن را نمی‌گوید، خواندن را می‌گوید؛ هر پاسخ یک بازتاب (echo) هم دارد.",
      },
      byHand: (channel) => `کارمند فروشگاه در خودِ ${channel} پاسخ می‌دهد`,
      byHandHint: "بازتاب آن به پلتفرم می‌رسد و ربات باید کنار بکشد.",
      byHandSend: "فرستادن با دست",
      inConsole: "این گفت‌وگو در کنسول",
      notYetInConsole: "پس از اولین پیام، در کنسول هم دیده می‌شود.",
    },
    wire: {
      title: "چه می‌رود و چه می‌آید",
      hint: (host) =>
        `شبیه‌ساز جای فراهم‌کننده نشسته است: با توکن واقعی همین درخواست‌ها به ${host} می‌رفت. «در حال نوشتن» وقتی می‌رود که پاسخ بیش از ۰٫۷ ثانیه طول بکشد، مثلاً با مدل زبانی.`,
      empty: "هنوز چیزی رد و بدل نشده است. پیامی بفرستید.",
      ours: "از ما به فراهم‌کننده",
      theirs: "از فراهم‌کننده به ما",
      subjects: {
        answer: "پاسخ",
        edit: "ویرایش پاسخ",
        typing: "«در حال نوشتن»",
        seen: "«خوانده شد»",
        tapped: "پاسخ به دکمه",
        call: "درخواست",
        message: "پیام مشتری",
        tap: "دکمه‌ای زده شد",
        sent: "خبر: ارسال شد",
        delivered: "خبر: رسید",
        read: "خبر: خوانده شد",
        failed: "خبر: نرسید",
        byHand: "کارمند با دست پاسخ داد",
        echo: "بازتاب پیام فروشگاه",
        block: "مسدود شدن یا رفع آن",
        webhook: "وبهوک",
      },
      request: "بدنهٔ درخواست",
      webhook: "بدنهٔ وبهوک",
      answer: (status, ms) => `جواب: وضعیت ${status}، پس از ${ms} میلی‌ثانیه`,
      noAnswer: "بی‌جواب",
      nothing: "بدون متن",
    },
    site: {
      frame: "سایت فروشگاه، با ابزارک گفت‌وگو",
      title: "چه به مرورگر می‌رود",
      hint: "سایت فراهم‌کنندهٔ دیگری ندارد: پاسخ از جریان زندهٔ خودمان به مرورگر بازدیدکننده می‌رود.",
      empty: "هنوز چیزی نرفته است. دکمهٔ گفت‌وگو را در گوشی باز کنید و بپرسید.",
      names: {
        "message.delta": "جمله‌ای از پاسخ",
        "message.retracted": "پس گرفتن پاسخ ناتمام",
        typing: "«در حال نوشتن»",
        reset: "از نو خواندن",
      },
      roles: { customer: "پیام مشتری", bot: "پاسخ", operator: "پیام همکار", system: "اطلاع" },
      event: "رویداد",
      another: "بازدیدکنندهٔ تازه",
      controls: "بازدیدکنندهٔ سایت",
    },
    footer: "نمایش Xin ChatBot",
  },
  en: {
    product: "Xin ChatBot",
    title: "Play the customer",
    intro:
      "A demonstration shop that answers on five channels. Write a message, see what comes back, and which request leaves to bring it there. No account is needed, and nothing leaves this machine.",
    console: "Operators' console",
    otherLanguage: "فارسی",
    channels: "Channels",
    kinds: { telegram: "Telegram", bale: "Bale", whatsapp: "WhatsApp", instagram: "Instagram", web: "Site" },
    shop: "Sepid Shop",
    customer: "Maryam",
    starting: "The shop is opening: its documents are still being read. It will answer in a moment.",
    productAway: "The product doesn't answer; perhaps it isn't up yet. Asking again…",
    retry: "Try again",
    states: {
      elsewhere: (host) =>
        `The settings name another address in the place of ${host}: answers go there, and may not show on this phone.`,
      real: (channel) =>
        `${channel} is connected with a real token: answers go to the real provider, and this channel can't be played here.`,
      gone: (channel) => `The channel ${channel} was removed or switched off in the console.`,
    },
    phone: {
      log: (channel) => `Conversation on ${channel}`,
      empty: "No messages yet. Ask something.",
      write: "Message…",
      send: "Send",
      typing: "typing…",
      suggestions: "Suggested questions",
      questions: ["What are your opening hours?", "How do I return an item?", "Talk to a person"],
      off: "The phone is off. What arrives will show once it is on.",
      switchOn: "Switch on",
      youBlocked: "You have blocked this shop.",
      unblock: "Unblock",
      lost: "Connection lost; reconnecting…",
      unplugged: "The simulator doesn't know this phone.",
      refused: "The provider refused the answer:",
      notSent: {
        lost: "It did not get through; send it again.",
        tooLong: "Refused: the message is too long (more than 4096 characters).",
        refused: "The simulator refused this message.",
      },
      byHand: "A person, in the app itself",
      details: "What left?",
      cameIn: "What came in?",
      marks: { taken: "accepted", sent: "sent", delivered: "delivered", read: "read", failed: "not delivered" },
      customerMarks: { sent: "sent", read: "read by the shop" },
      notTaken: "not taken by the platform yet; the provider tries again",
      waits: "waits for the phone",
      never: "doesn't reach the phone",
    },
    controls: {
      title: "The customer's phone",
      number: "Id:",
      another: "New customer",
      mode: "The phone",
      modes: { reads: "reads", ignores: "doesn't read", off: "off" },
      block: "Block the shop",
      unblock: "Unblock the shop",
      hints: {
        telegram: "Telegram never tells a bot that a message arrived or was read; only that it was blocked.",
        bale: "Bale tells nothing of arrival or reading, and of a block only by refusing the next answer.",
        whatsapp:
          "WhatsApp tells of sending, arrival and reading. The number is German: its API doesn't deliver to numbers in Iran.",
        instagram: "Instagram doesn't tell of arrival but does of reading; every answer comes back as an echo, too.",
      },
      byHand: (channel) => `A person of the shop answers in ${channel} itself`,
      byHandHint: "Its echo reaches the platform, and the bot must step back.",
      byHandSend: "Send by hand",
      inConsole: "This conversation in the console",
      notYetInConsole: "After the first message it shows in the console, too.",
    },
    wire: {
      title: "What leaves and what comes in",
      hint: (host) =>
        `The simulator stands in for the provider: with a real token the same requests go to ${host}. “Typing” leaves when an answer takes longer than 0.7 s, as with a language model.`,
      empty: "Nothing has passed yet. Send a message.",
      ours: "from us to the provider",
      theirs: "from the provider to us",
      subjects: {
        answer: "Answer",
        edit: "Edited answer",
        typing: "“Typing”",
        seen: "“Read”",
        tapped: "Answer to a button",
        call: "Request",
        message: "Customer's message",
        tap: "A button was tapped",
        sent: "Told: sent",
        delivered: "Told: delivered",
        read: "Told: read",
        failed: "Told: not delivered",
        byHand: "A person answered by hand",
        echo: "Echo of the shop's message",
        block: "Blocked or unblocked",
        webhook: "Webhook",
      },
      request: "Request body",
      webhook: "Webhook body",
      answer: (status, ms) => `Answer: status ${status}, after ${ms} ms`,
      noAnswer: "no answer",
      nothing: "no text",
    },
    site: {
      frame: "The shop's site, with the chat widget",
      title: "What leaves for the browser",
      hint: "The site has no other provider: the answer leaves on our own live stream for the visitor's browser.",
      empty: "Nothing has left yet. Open the chat in the phone and ask.",
      names: {
        "message.delta": "A sentence of the answer",
        "message.retracted": "Unfinished answer withdrawn",
        typing: "“Typing”",
        reset: "Read again",
      },
      roles: { customer: "Customer's message", bot: "Answer", operator: "A person's message", system: "Notice" },
      event: "Event",
      another: "New visitor",
      controls: "The site's visitor",
    },
    footer: "A demonstration of Xin ChatBot",
  },
};
