// JSON that is kept as text goes out as that text. Parsed and printed it would cost both, tens of times its size in memory,
// and come out changed: 9007199254740993 as …992, 1e400 as null.
import { randomBytes } from "node:crypto";

// Stands in what is printed for a text until that is put in its place. Nobody ever sees it, so nobody can send it.
const MARK = `raw-json-${randomBytes(16).toString("hex")}`;

let texts: string[] | undefined; // of the printing under way, which nothing interrupts

/** A JSON value as its text; `printPieces` puts it into an answer as it is. */
export class RawJson {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }

  toJSON(): unknown {
    if (!texts) return JSON.parse(this.text) as unknown; // printed by somebody else: a log, a test
    texts.push(this.text);
    return MARK;
  }
}

/**
 * The JSON of a value, in which each `RawJson` is its text; in pieces, whose joining would cost as much as the printing where
 * nobody needs it whole.
 */
export function printPieces(value: unknown): string[] {
  const found: string[] = [];
  texts = found;
  try {
    const printed = JSON.stringify(value).split(`"${MARK}"`);
    return printed.flatMap((part, index) =>
      index < found.length ? [part, found[index] ?? ""] : [part],
    );
  } finally {
    texts = undefined;
  }
}

/** How many bytes of UTF-8 pieces have together. */
export function bytesOf(pieces: readonly string[]): number {
  return pieces.reduce((sum, piece) => sum + Buffer.byteLength(piece), 0);
}

/** A text of the database as a value of an answer; null stays null. */
export function rawJson(text: string | null): RawJson | null {
  return text === null ? null : new RawJson(text);
}

/**
 * A text as a string of an answer, printed now and not again: a page of them all at once would hold the process. It is a string
 * to whoever reads the answer, and so to the types.
 */
export function rawString(text: string | null): string | null {
  return rawJson(text === null ? null : JSON.stringify(text)) as unknown as string | null;
}

/** A list of an answer whose items are printed already; to the types it is what they are. */
export function rawList<Item>(items: readonly string[]): Item[] {
  return new RawJson(`[${items.join(",")}]`) as unknown as Item[];
}
