/** Conversations, their messages, and who answers in them. */
import { infiniteQueryOptions, queryOptions, type InfiniteData } from "@tanstack/react-query";

import { call } from "../../api/client";
import { pagesOf, type Page } from "../../api/pages";
import type { Status } from "../../route";

export interface Conversation {
  id: string;
  status: Status;
  owner_id: string | null;
  channel_kind: string;
  contact_name: string | null;
  last_text: string | null;
  updated_at: string;
}

export interface Message {
  id: string;
  seq: number;
  role: "customer" | "bot" | "operator" | "system";
  kind: string;
  text: string;
  at: string;
  /** What became of it on its way out; null for what came in. */
  status: string | null;
  /** Why it failed or waits. */
  reason: string | null;
  maybe_twice: boolean;
  turn_id: string | null;
  author: { id: string; name: string } | null;
  sources: { asset_id: string; title: string; place: string }[];
}

const path = (id: string) => `/conversations/${encodeURIComponent(id)}`;

export function conversationsQuery(status: Status | null) {
  return pagesOf<Conversation>(["conversations", "list", status], "/conversations", status ? { status } : {});
}

export function conversationQuery(id: string) {
  return queryOptions({
    queryKey: ["conversations", "one", id],
    queryFn: () => call<Conversation>("GET", path(id)),
  });
}

/** Oldest first, whichever way the pages come. */
export function messagesQuery(id: string) {
  return infiniteQueryOptions({
    ...pagesOf<Message>(["messages", id], `${path(id)}/messages`),
    select: ({ pages }: InfiniteData<Page<Message>>) =>
      pages.flatMap((page) => page.items).sort((a, b) => a.seq - b.seq),
  });
}

/** Raises Problem: 409 when somebody else holds the conversation. */
export function reply(id: string, text: string): Promise<unknown> {
  return call("POST", `${path(id)}/messages`, { text });
}

export function takeOver(id: string): Promise<unknown> {
  return call("POST", `${path(id)}/takeover`);
}

export function release(id: string): Promise<unknown> {
  return call("POST", `${path(id)}/release`);
}

/** Closes what the operator has read up to *seen*. Raises Problem: 409 when a newer message has come. */
export function resolve(id: string, seen: number): Promise<unknown> {
  return call("POST", `${path(id)}/resolve`, { seen });
}
