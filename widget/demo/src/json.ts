/** A value as it is pretty-printed, in pieces: what stands between quotes may be Persian and is laid out by itself. */

export interface Piece {
  text: string;
  /** Whether it is a string's content, with its quotes; names of fields are not. */
  isString: boolean;
}

const STRING = /("(?:[^"\\]|\\.)*")(\s*:)?/g;

/** The pieces in order, none empty; a text that is no JSON is one string. */
export function piecesOf(value: unknown): Piece[] {
  if (typeof value === "string") return value ? [{ text: value, isString: true }] : [];
  const whole = JSON.stringify(value, null, 2);
  const pieces: Piece[] = [];
  let end = 0;
  for (const match of whole.matchAll(STRING)) {
    if (match[2]) continue;
    if (match.index > end) pieces.push({ text: whole.slice(end, match.index), isString: false });
    end = match.index + match[0].length;
    pieces.push({ text: match[0], isString: true });
  }
  if (end < whole.length) pieces.push({ text: whole.slice(end), isString: false });
  return pieces;
}
