/** An error as the API words it (RFC 9457), or no answer at all: status 0. */
export class Problem extends Error {
  constructor(
    readonly status: number,
    readonly detail: string,
    /** Who holds the conversation, where that is what is wrong. */
    readonly owner = "",
  ) {
    super(detail || `console-api answered ${status}`);
  }
}

interface ProblemBody {
  title?: string;
  detail?: string;
  owner?: { name: string };
}

/** Reads the error that *response* is. */
export async function problemOf(response: Response): Promise<Problem> {
  const { title, detail, owner } = (await response.json().catch(() => ({}))) as ProblemBody;
  return new Problem(response.status, detail || title || "", owner?.name);
}
