/** What an event of console-api's stream means for the data that we hold. */
import type { QueryKey } from "@tanstack/react-query";
import type { StreamEvent } from "@xin/widget/event-stream";

/** The query keys that an event makes stale. Of messages only the conversation's own, where it says which. */
export function staleAfter({ name, data }: Pick<StreamEvent, "name" | "data">): QueryKey[] {
  const conversation = conversationOf(data);
  const messages = conversation ? ["messages", conversation] : ["messages"];
  if (name === "reset") return [["conversations"], ["messages"], ["knowledge"]];
  if (name === "message.status") return [messages];
  if (name.startsWith("message.") || name.startsWith("conversation.")) return [["conversations"], messages];
  if (name.startsWith("knowledge.")) return [["knowledge"]];
  return [];
}

function conversationOf(data: string): string | null {
  try {
    const parsed = JSON.parse(data) as { conversation_id?: unknown } | null;
    return typeof parsed?.conversation_id === "string" ? parsed.conversation_id : null;
  } catch {
    return null;
  }
}
