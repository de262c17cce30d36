// Pages: what every list takes and answers.
import { z } from "zod";

import type { Cursors } from "./cursor.ts";

const PAGE_SIZE_MAX = 200;
const PAGE_SIZE_DEFAULT = 20;

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
      })
      .meta({ id: "Pagination" }),
  });
}

/** What is being paged: the cursor of one list, tenant or filter does not open another. */
export type PageScope = { tenant: string; list: string; filter?: unknown };

/**
 * Reads one page. `read` gets the position after which to go on (null at the top) and the number of rows to read,
 * one more than the page holds, by which a further page is known; `position` names a row's place in the order.
 */
export async function readPage<Row, Item>(
  cursors: Cursors,
  scope: PageScope,
  page: { cursor?: string | undefined; page_size: number },
  read: (after: string | null, limit: number) => Promise<Row[]>,
  position: (row: Row) => string,
  present: (row: Row) => Item,
) {
  const key = JSON.stringify([scope.tenant, scope.list, scope.filter ?? null]);
  const after = page.cursor === undefined ? null : cursors.open(key, page.cursor);
  const rows = await read(after, page.page_size + 1);
  const shown = rows.slice(0, page.page_size);
  const last = shown.at(-1);
  return {
    data: shown.map(present),
    pagination_data: {
      next_cursor: rows.length > shown.length && last ? cursors.seal(key, position(last)) : null,
      previous_cursor: null,
      total: null,
    },
  };
}
