// JSON parsed in words of our own, and a large body's piece by piece.
import { TextDecoder } from "node:util";

import { invalid } from "../kernel/errors.ts";
import { tooManyMembers } from "../kernel/fields.ts";
import { sliced } from "../kernel/slices.ts";
import type { LargeList, Pieces } from "./json-pieces.ts";

// A byte order mark stands at the beginning of a body or nowhere.
const ofWhole = new TextDecoder("utf-8", { fatal: true });
const ofPiece = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Parses what a caller has sent; `what` it is stands in the 400. */
export function parseJson(text: string, what: string, path = ""): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    // The engine's own text quotes what was sent, which may hold a secret: only where it broke is said.
    const position = /position (\d+)/.exec((error as Error).message)?.[1];
    throw invalid(
      path,
      `${what} is not JSON${position === undefined ? "" : `, from character ${position} on`}; send a JSON object`,
    );
  }
}

/** Parses a body that was taken apart, so that others are served in between; an empty one is undefined. */
export async function parsePieces(
  { around, lists }: Pieces,
  depth: number,
  large: LargeList | undefined,
): Promise<unknown> {
  const text = decode(ofWhole, around, "the body", "");
  if (text === "") return undefined;
  const whole = parseJson(text, "the body");
  const rest = sliced();
  const parsed: unknown[][] = [];
  for (const list of lists) {
    const items: unknown[] = [];
    parsed.push(items);
    for (const [index, piece] of list.entries()) {
      const path = `${large?.name}.${index}`;
      const item = parseJson(decode(ofPiece, piece, "it", path), "it", path);
      const tooMany = tooManyMembers(item);
      if (tooMany !== null) throw invalid(path, tooMany);
      await rest();
      items.push(large?.keep ? large.keep(item, index) : item);
      await rest();
    }
  }
  return lists.length === 0 ? whole : putTogether(whole, 1, depth, parsed);
}

// In what is around, each list is its number in brackets.
function putTogether(
  value: unknown,
  level: number,
  depth: number,
  lists: readonly unknown[][],
): unknown {
  if (typeof value !== "object" || value === null || level > depth) return value;
  if (Array.isArray(value))
    return level === depth
      ? lists[value[0] as number]
      : value.map((member) => putTogether(member, level + 1, depth, lists));
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => [
      name,
      putTogether(member, level + 1, depth, lists),
    ]),
  );
}

function decode(decoder: TextDecoder, bytes: Buffer, what: string, path: string): string {
  try {
    return decoder.decode(bytes);
  } catch {
    throw invalid(path, `${what} is not UTF-8`);
  }
}
