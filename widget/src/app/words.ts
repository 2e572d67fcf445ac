/** Every word the app says. One whole message a key, so that nothing is glued together from parts. */
import type { Language } from "../locale";

export interface Words {
  title: string;
  greeting: string;
  log: string;
  close: string;
  placeholder: string;
  send: string;
  sending: string;
  sent: string;
  failed: string;
  retry: string;
  sources: string;
  newMessages: string;
  connecting: string;
  online: string;
  offline: string;
  closed: string;
  names: { customer: string; bot: string; operator: string };
  typing: { bot: string; operator: string };
}

export const WORDS: Record<Language, Words> = {
  fa: {
    title: "گفت‌وگو",
    greeting: "سلام! پرسشتان را بنویسید؛ همین‌جا پاسخ می‌دهیم.",
    log: "پیام‌ها",
    close: "بستن گفت‌وگو",
    placeholder: "پیام خود را بنویسید…",
    send: "فرستادن",
    sending: "در حال ارسال…",
    sent: "ارسال شد",
    failed: "ارسال نشد",
    retry: "تلاش دوباره",
    sources: "منبع:",
    newMessages: "پیام‌های تازه",
    connecting: "در حال اتصال…",
    online: "آماده‌ایم",
    offline: "ارتباط قطع شد؛ دوباره وصل می‌شویم…",
    closed: "این گفت‌وگو در دسترس نیست.",
    names: { customer: "شما", bot: "دستیار هوشمند", operator: "پشتیبان" },
    typing: { bot: "دستیار در حال نوشتن است…", operator: "پشتیبان در حال نوشتن است…" },
  },
  en: {
    title: "Chat",
    greeting: "Hello! Write your question; we answer right here.",
    log: "Messages",
    close: "Close the chat",
    placeholder: "Write a message…",
    send: "Send",
    sending: "Sending…",
    sent: "Sent",
    failed: "Not sent",
    retry: "Try again",
    sources: "Source:",
    newMessages: "New messages",
    connecting: "Connecting…",
    online: "We are here",
    offline: "Connection lost; reconnecting…",
    closed: "This chat is not available.",
    names: { customer: "You", bot: "Assistant", operator: "Support" },
    typing: { bot: "The assistant is writing…", operator: "Support is writing…" },
  },
};
