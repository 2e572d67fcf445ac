/** What ingress-web says on its stream, parsed once at the door. */
import type { StreamEvent } from "../stream/event-stream";
import type { Draft, Message, Role } from "./conversation";

export type ServerEvent =
  | { kind: "created"; message: Message }
  | { kind: "sentence"; sentence: Draft }
  | { kind: "retracted"; epoch: number }
  | { kind: "typing"; role: Role }
  | { kind: "reset" };

/** Null for what we don't know or can't read: a newer server may say more than we understand. */
export function readEvent({ name, data }: StreamEvent): ServerEvent | null {
  const fields = fieldsOf(data);
  switch (name) {
    case "message.created":
      return isMessage(fields) ? { kind: "created", message: { ...fields, sources: fields.sources ?? [] } } : null;
    case "message.delta":
      return isSentence(fields) ? { kind: "sentence", sentence: fields } : null;
    case "message.retracted":
    case "ping": // the keep-alive repeats the epoch, so that a lost retraction heals
      return typeof fields.epoch === "number" ? { kind: "retracted", epoch: fields.epoch } : null;
    case "typing":
      return isRole(fields.role) ? { kind: "typing", role: fields.role } : null;
    case "reset":
      return { kind: "reset" };
    default:
      return null;
  }
}

type Fields = Partial<Record<keyof Message | keyof Draft, unknown>>;

function fieldsOf(data: string): Fields {
  try {
    const parsed: unknown = JSON.parse(data);
    return typeof parsed === "object" && parsed !== null ? parsed : {};
  } catch {
    return {};
  }
}

function isMessage(fields: Fields): fields is Fields & Omit<Message, "sources"> & { sources?: Message["sources"] } {
  return (
    typeof fields.id === "string" &&
    typeof fields.seq === "number" &&
    typeof fields.text === "string" &&
    typeof fields.at === "string" &&
    isRole(fields.role)
  );
}

function isSentence(fields: Fields): fields is Fields & Draft {
  return typeof fields.epoch === "number" && typeof fields.n === "number" && typeof fields.text === "string";
}

function isRole(role: unknown): role is Role {
  return role === "customer" || role === "bot" || role === "operator" || role === "system";
}
