// The text of a large body, taken apart while it is read: each item of its list by itself, and what is around them. So the
// items are counted as they come, and none that is parsed later takes long.
import { invalid, PosthornError } from "../kernel/errors.ts";

const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_LIST = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_LIST = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
const SPACE = 0x20; // and whatever of JSON's white space is below

const PIECE_BYTES_MAX = 1024 * 1024; // as much as any other request may have
// Commas, colons and opening brackets, which are what parsing costs, names the most: 256 KiB of payload can't hold as many, and a
// piece with so many takes some 50 ms.
const MARKS_MAX = 180_000;
const MARKS_OF_NAME = 3;

/** A list of which a body may hold so many items that they are parsed one by one. */
export type LargeList = {
  /** The field that it is. */
  name: string;
  itemsMax: number;
  /** What is kept of an item when it is parsed, in place of all that parsing makes of it. */
  keep?: (item: unknown, index: number) => unknown;
};

/** The pieces: `around` has, for each list, its number in `lists` as the only item. */
export type Pieces = { around: Buffer; lists: readonly (readonly Buffer[])[] };

/** Takes JSON that is parsed in one piece. */
export function takeWhole() {
  const chunks: Buffer[] = [];
  return {
    push: (chunk: Buffer) => void chunks.push(chunk),
    end(): Pieces {
      const around = Buffer.concat(chunks);
      if (around.length > MARKS_MAX) takeApart(Infinity).push(around); // a smaller one can't hold as many
      return { around, lists: [] };
    },
  };
}

/**
 * Takes JSON apart, `push` by `push`; a list that stands `depth` levels deep is one whose items are pieces. Whether it is JSON
 * shows when the pieces are parsed. Throws the 400 or 413 as soon as it is known.
 */
export function takeApart(depth: number, large?: LargeList) {
  const lists: Buffer[][] = [];
  const around: Buffer[] = [];
  let piece: Buffer[] = around;
  let items: Buffer[] | undefined; // of the list that is being read
  let [level, bytes, marks, bytesAround, marksAround] = [0, 0, 0, 0, 0];
  let [isString, isEscaped, isBlank] = [false, false, true];

  function count(more: number): void {
    bytes += more;
    if (bytes > PIECE_BYTES_MAX)
      throw new PosthornError(
        "body_too_large",
        items
          ? `${large?.name}.${items.length}: one item may have 1 MiB at most; send less`
          : "the body may have 1 MiB at most, but for the items of its list; send less",
      );
    if (marks > MARKS_MAX)
      throw invalid(
        items ? `${large?.name}.${items.length}` : "",
        "holds more values than 256 KiB of JSON can; send fewer",
      );
  }

  function beginList(): void {
    around.push(Buffer.from(String(lists.length)));
    lists.push((items = []));
    [bytesAround, marksAround] = [bytes, marks];
    beginItem();
  }

  function beginItem(): void {
    if (items && large && items.length >= large.itemsMax)
      throw invalid(
        large.name,
        `at most ${large.itemsMax} items are taken in one request; send the others in another`,
      );
    piece = [];
    [bytes, marks, isBlank] = [0, 0, true];
  }

  function endList(): void {
    items = undefined;
    piece = around;
    [bytes, marks] = [bytesAround, marksAround];
  }

  return {
    push(chunk: Buffer): void {
      let from = 0;
      const cut = (to: number) => {
        if (to > from) piece.push(chunk.subarray(from, to));
        count(to - from);
        from = to;
      };
      for (let at = 0; at < chunk.length; at++) {
        const byte = chunk[at] as number;
        if (isString) {
          if (isEscaped) isEscaped = false;
          else if (byte === BACKSLASH) isEscaped = true;
          else if (byte === QUOTE) isString = false;
          continue;
        }
        if (byte > SPACE) isBlank = isBlank && (byte === COMMA || byte === CLOSE_LIST);
        switch (byte) {
          case QUOTE:
            isString = true;
            break;
          case COLON:
            marks += MARKS_OF_NAME;
            break;
          case OPEN_LIST:
          case OPEN_OBJECT:
            marks++;
            level++;
            if (level !== depth || byte !== OPEN_LIST || items) break;
            cut(at + 1);
            beginList();
            break;
          case COMMA:
            marks++;
            if (!items || level !== depth) break;
            cut(at);
            items.push(Buffer.concat(piece));
            beginItem();
            from = at + 1;
            break;
          case CLOSE_LIST:
          case CLOSE_OBJECT:
            if (items && level === depth) {
              cut(at);
              if (items.length > 0 || !isBlank) items.push(Buffer.concat(piece));
              endList();
            }
            level--;
            break;
        }
      }
      cut(chunk.length);
    },

    end: (): Pieces => ({ around: Buffer.concat(around), lists }),
  };
}
