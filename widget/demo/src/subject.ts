/** What a request between the platform and a provider is about. Pure. */
import type { Exchange } from "./screen";

export type Subject =
  | "answer"
  | "edit"
  | "typing"
  | "seen"
  | "tapped"
  | "call"
  | "message"
  | "tap"
  | "sent"
  | "delivered"
  | "read"
  | "failed"
  | "byHand"
  | "echo"
  | "block"
  | "webhook";

export function subjectOf({ ours, path, body }: Pick<Exchange, "ours" | "path" | "body">): Subject {
  return ours ? subjectOfCall(path.split("/").at(-1) ?? "", fields(body)) : subjectOfWebhook(fields(body));
}

const METHODS: Record<string, Subject> = {
  sendMessage: "answer",
  editMessageText: "edit",
  sendChatAction: "typing",
  sendMessageDraft: "typing",
  answerCallbackQuery: "tapped",
};

function subjectOfCall(method: string, body: Fields): Subject {
  if (method !== "messages") return METHODS[method] ?? "call";
  if (body.typing_indicator || body.sender_action === "typing_on" || body.sender_action === "typing_off")
    return "typing";
  if (body.status === "read" || body.sender_action === "mark_seen") return "seen";
  return "answer";
}

function subjectOfWebhook(body: Fields): Subject {
  if ("callback_query" in body) return "tap";
  if ("my_chat_member" in body) return "block";
  if ("message" in body) return "message";
  const entry = first(body.entry);
  return "messaging" in entry
    ? subjectOfMessaging(first(entry.messaging))
    : subjectOfChange(fields(first(entry.changes).value));
}

function subjectOfMessaging(item: Fields): Subject {
  if ("read" in item) return "read";
  const message = fields(item.message);
  if (message.is_echo) return "echo";
  return "quick_reply" in message ? "tap" : "message";
}

const STATUSES: readonly Subject[] = ["sent", "delivered", "read", "failed"];

function subjectOfChange(value: Fields): Subject {
  if ("message_echoes" in value) return "byHand";
  if ("statuses" in value) return STATUSES.find((status) => status === first(value.statuses).status) ?? "webhook";
  if (!("messages" in value)) return "webhook";
  return first(value.messages).type === "interactive" ? "tap" : "message";
}

/** Whether the provider, or our webhook, took it. */
export function isTaken({ status }: Pick<Exchange, "status">): boolean {
  return status !== null && status >= 200 && status < 300;
}

/** The provider's own words for why it refused; empty where it has none. */
export function refusalOf({ answer }: Pick<Exchange, "answer">): string {
  const { description, error } = fields(answer);
  if (typeof description === "string") return description;
  const { message } = fields(error);
  return typeof message === "string" ? message : "";
}

type Fields = Record<string, unknown>;

function fields(value: unknown): Fields {
  return typeof value === "object" && value !== null ? (value as Fields) : {};
}

function first(list: unknown): Fields {
  return Array.isArray(list) ? fields(list[0]) : {};
}
