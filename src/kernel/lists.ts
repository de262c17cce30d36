// Pages: what every list takes and answers.
import { z } from "zod";

import type { Cursors } from "./cursor.ts";
import { awayCells, instant } from "./fields.ts";
import { bytesOf, printPieces } from "./raw-json.ts";
import { sliced } from "./slices.ts";

const PAGE_SIZE_MAX = 200;
const PAGE_SIZE_DEFAULT = 20;
const ANSWER_BYTES_MAX = 4 * 1024 * 1024; // a page of any list in usual use is far below, and twenty callers' are no burden

// What is read, parsed and presented in one go, and how large an answer may be that waits for no other.
const GROUP_BYTES = 256 * 1024;

/** Does what makes an answer large, when that is its turn. */
export type Enlarge = <T>(make: () => Promise<T>) => Promise<T>;

/**
 * The bytes that the answer to one request may still grow by: the calls of a batch share them. Where it is made of the answers of
 * several databases, these are its `whole`.
 */
export type Room = { bytes: number; enlarge: Enlarge; whole?: Whole };

/** What the answers of several databases have to do with each other. */
export type Whole = {
  /** Is told where a page stands in its list. */
  tell(page: Places): void;
  /** Answers what the time is for all of them: that of the first that asks. */
  asOf(now: Date): Date;
};

/** Where a page stands in its list. */
export type Places = {
  /** The position of each of its items; they fall along the list, or rise. */
  places: string[];
  isRising: boolean;
  /** Where the page after it begins; null on the last. */
  end: string | null;
  size: number;
  /** Makes the cursor of a position. */
  seal: (position: string) => string;
};

/** The room of an answer of which nothing is made yet. */
export function wholeRoom(enlarge: Enlarge): Room {
  return { bytes: ANSWER_BYTES_MAX, enlarge };
}

/** What each of several databases may fill of an answer's room. */
export function partOf(room: Room, parts: number, whole: Whole): Room {
  let bytes = Math.floor(room.bytes / parts);
  return {
    enlarge: room.enlarge,
    whole,
    get bytes() {
      return bytes;
    },
    set bytes(left) {
      room.bytes = Math.max(0, room.bytes - (bytes - left));
      bytes = left;
    },
  };
}

/** How much of it may be read before it is known whether the answer is a large one. */
export function smallPart({ bytes }: Room): number {
  return Math.min(bytes, GROUP_BYTES);
}

/** The fields of a list's request; spread them into its schema. */
export const pageInput = {
  cursor: z.string().max(1_000).optional().meta({
    description: "`pagination_data.next_cursor` of the page before; left out, the first page.",
  }),
  page_size: z
    .int()
    .min(1)
    .max(PAGE_SIZE_MAX)
    .default(PAGE_SIZE_DEFAULT)
    .meta({ description: "1 to 200; 20 unless given." }),
};

/** The schema of a list's answer. */
export function pageOutput<T extends z.ZodType>(item: T) {
  return z.object({
    data: z.array(item),
    pagination_data: z
      .object({
        next_cursor: z
          .string()
          .nullable()
          .meta({ description: "Where the next page starts; null on the last." }),
        previous_cursor: z
          .string()
          .nullable()
          .meta({ description: "null: lists are read forwards only." }),
        total: z
          .int()
          .nullable()
          .meta({ description: "null: counting would read the whole list." }),
        searched_until: instant.optional().meta({
          description:
            "There only where the looking stopped for time: what was made up to here is searched, and `next_cursor` goes on.",
        }),
      })
      .meta({ id: "Pagination" }),
  });
}

/** The same of a list that is read over all cells. */
export function pageOverCells<T extends z.ZodType>(item: T) {
  return pageOutput(item).extend({ away: awayCells });
}

/**
 * What is being paged: the cursor of one list, tenant or filter does not open another. Positions fall along the list as texts are
 * compared, so that pages of several databases can be merged by them; where `isRising` they rise.
 */
export type PageScope = { tenant: string; list: string; filter?: unknown; isRising?: boolean };

/**
 * How much of a list is asked for: the rows after that position (null at the top), no more of them than `limit`, nor, past
 * the first, than hold `bytesMax` together.
 */
export type Span = { after: string | null; limit: number; bytesMax: number };

/** Where bytes may end the rows, each says how many bytes there are up to it, and whether another would have come. */
export type Sized = { bytes_to_here: number; is_followed: boolean };

/** Rows that were looked for, and where the looking stopped before the end, since it took too long. */
export type Found<Row> = { rows: Row[]; stoppedAt: string | null };

/**
 * Reads one page, which ends early where there is no more room. `read` is asked for one row more than the page holds, by
 * which a further page is known; `position` names a row's place in the order, and `timeOf` tells the time of one. What is
 * large is read group by group, and one page at a time.
 */
export async function readPage<Row, Item>(
  { cursors, room }: { cursors: Cursors; room: Room },
  scope: PageScope,
  page: { cursor?: string | undefined; page_size: number },
  read: (span: Span) => Promise<Row[] | Found<Row>>,
  position: (row: Row) => string,
  present: (row: Row) => Item,
  timeOf?: (position: string) => Date,
) {
  const key = JSON.stringify([scope.tenant, scope.list, scope.filter ?? null]);
  const after = page.cursor === undefined ? null : cursors.open(key, page.cursor);
  const rows: Row[] = [];
  const data: Item[] = [];
  let bytesLeft = room.bytes; // to be read: of what is presented without its secrets little may be left
  let stoppedAt = null as string | null; // written by the group that stopped
  const readGroup = async () => {
    const last = rows.at(-1);
    const found = await read({
      after: last === undefined ? after : position(last),
      limit: page.page_size + 1 - rows.length,
      bytesMax: Math.min(bytesLeft, smallPart(room)),
    });
    const group = Array.isArray(found) ? found : found.rows;
    if (!Array.isArray(found)) ({ stoppedAt } = found);
    rows.push(...group);
    bytesLeft -= bytesIn(group);
    await takeWhatFits(room, group.slice(0, page.page_size - data.length), present, data);
    const hasRoom = Math.min(bytesLeft, room.bytes) > 0 && data.length < page.page_size;
    return hasRoom && data.length === rows.length && endsEarly(group);
  };
  if (await readGroup())
    await room.enlarge(async () => {
      while (await readGroup());
    });
  const last = rows[data.length - 1];
  const isCut = rows.length > data.length || endsEarly(rows);
  const end = isCut && last ? position(last) : stoppedAt;
  room.whole?.tell({
    places: rows.slice(0, data.length).map(position),
    isRising: scope.isRising ?? false,
    end,
    size: page.page_size,
    seal: (place) => cursors.seal(key, place),
  });
  return {
    data,
    pagination_data: {
      next_cursor: end === null ? null : cursors.seal(key, end),
      previous_cursor: null,
      total: null,
      ...(stoppedAt !== null &&
        end === stoppedAt &&
        timeOf && { searched_until: timeOf(stoppedAt).toISOString() }),
    },
  };
}

/** Whether bytes have ended these rows, and not that there are no more. */
export function endsEarly(rows: readonly unknown[]): boolean {
  return (rows.at(-1) as Partial<Sized> | undefined)?.is_followed ?? false;
}

/** How many bytes these rows hold, where they are `Sized`. */
export function bytesIn(rows: readonly unknown[]): number {
  return (rows.at(-1) as Partial<Sized> | undefined)?.bytes_to_here ?? 0;
}

/** Presents rows, behind the `items` that are there, for as long as there is room; a first in any case, so that every page goes on. */
export async function takeWhatFits<Row, Item>(
  room: Room,
  rows: readonly Row[],
  present: (row: Row) => Item,
  items: Item[] = [],
): Promise<Item[]> {
  const rest = sliced();
  for (const row of rows) {
    const item = present(row);
    const bytes = bytesOf(printPieces(item));
    if (bytes > room.bytes && items.length > 0) break;
    room.bytes = Math.max(0, room.bytes - bytes);
    items.push(item);
    await rest();
  }
  return items;
}
