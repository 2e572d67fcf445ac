/** Where in the console we are. It stands after the `#`, as the console is static files and has no server of its own. */
import { useSyncExternalStore } from "react";

export type Status = "bot" | "waiting" | "human" | "resolved";
export const STATUSES: readonly Status[] = ["waiting", "human", "bot", "resolved"];

export type Route =
  { screen: "conversations"; conversation: string | null; status: Status | null } | { screen: "knowledge" };

/** Reads `#/conversations/<id>?status=waiting` or `#/knowledge`; anything else is the list of conversations. */
export function readRoute(hash: string): Route {
  const [path = "", query = ""] = hash.replace(/^#/, "").split("?");
  const [screen, id] = path.split("/").filter(Boolean);
  if (screen === "knowledge") return { screen };
  const wanted = new URLSearchParams(query).get("status");
  return {
    screen: "conversations",
    conversation: screen === "conversations" && id ? decodeURIComponent(id) : null,
    status: STATUSES.find((status) => status === wanted) ?? null,
  };
}

export function hashOf(route: Route): string {
  if (route.screen === "knowledge") return "#/knowledge";
  const id = route.conversation ? `/${encodeURIComponent(route.conversation)}` : "";
  return `#/conversations${id}${route.status ? `?status=${route.status}` : ""}`;
}

export function useRoute(): Route {
  return readRoute(useSyncExternalStore(subscribe, () => location.hash));
}

function subscribe(listener: () => void): () => void {
  addEventListener("hashchange", listener);
  return () => removeEventListener("hashchange", listener);
}
