import { Problem } from "../../api/problem";
import type { Words } from "../../words/fa";

/** Why the server kept the conversation as it is (409), in the operator's language; empty for any other error. */
export function conflictOf(error: unknown, { thread }: Words): string {
  if (!(error instanceof Problem) || error.status !== 409) return "";
  return error.owner ? thread.held(error.owner) : thread.newer;
}
