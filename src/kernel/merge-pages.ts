// Pages of a list that lies in several databases, as one page: pure.
import type { Places } from "./lists.ts";

export type Page<Item> = {
  data: Item[];
  pagination_data: {
    next_cursor: string | null;
    previous_cursor: null;
    total: null;
    searched_until?: string | undefined;
  };
};

/** What one database answered, and where that stands in the list. */
export type Part<Item> = { page: Page<Item>; at: Places };

/**
 * Makes one page of those that several databases answered to the same cursor. It ends where the first of them had no more to
 * tell: what the others told behind that, the next page reads again. One position is one item, as while it moves from one
 * database to another: `together` makes it of the two.
 */
export function mergePages<Item>(
  parts: readonly [Part<Item>, ...Part<Item>[]],
  together: (one: Item, other: Item) => Item = (one) => one,
): Page<Item> {
  const { isRising, size, seal } = parts[0].at;
  const order = (one: string, other: string) =>
    one === other ? 0 : one < other === isRising ? -1 : 1;
  const ends = parts.flatMap(({ at: { end } }) => (end === null ? [] : [end]));
  const [end = null] = ends.sort(order);
  const items = new Map<string, Item>();
  for (const { page, at } of parts)
    for (const [index, item] of page.data.entries()) {
      const place = at.places[index] ?? "";
      if (end !== null && order(place, end) > 0) break;
      const known = items.get(place);
      items.set(place, known === undefined ? item : together(known, item));
    }
  const found = [...items].sort(([one], [other]) => order(one, other));
  const shown = found.slice(0, size);
  const next = found.length > size ? (shown.at(-1)?.[0] ?? null) : end;
  const searched = parts.find(({ at }) => next !== null && at.end === next)?.page.pagination_data;
  return {
    data: shown.map(([, item]) => item),
    pagination_data: {
      next_cursor: next === null ? null : seal(next),
      previous_cursor: null,
      total: null,
      ...(searched?.searched_until !== undefined && { searched_until: searched.searched_until }),
    },
  };
}
