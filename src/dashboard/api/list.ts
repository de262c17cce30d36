// Long lists. Only the first page is asked again; what is further down stays as it was read, and is let go where nobody looks
// at it, so that 100,000 rows take no more memory than a few pages.
import { useQueries, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";

import { useClient } from "../session/session.ts";
import { failureOf, type Failure } from "./failure.ts";
import type { Input, ListName, Page, Row } from "./operations.ts";
import { useInfo } from "./queries.ts";

const FIRST_PAGE_SIZE = 100; // asked again and again
const LATER_PAGE_SIZE = 200; // the most that there is
const BESIDE = 50;
const KEPT_MS = 10_000; // a page that is scrolled past, before it is let go

type Later = { cursor: string; count: number; next: string | null; searchedUntil: string | null };

export type List<T> = {
  /** How many rows there are so far, and the one at a place; null: it is being read again. */
  count: number;
  rowAt(index: number): T | null;
  /** Says which rows are in sight. */
  look(first: number, last: number): void;
  /** The rows in sight, and those around them by fifties: what is read beside a list is read of these. */
  around: T[];
  hasMore: boolean;
  /** Reads a page more. */
  more(): void;
  isReadingMore: boolean;
  moreFailure: Failure | null;
  /** Where looking stopped for time: it goes on from there when asked. */
  searchedUntil: string | null;
  /** The cells that did not answer the first page when it was asked last. */
  away: readonly string[];
  /** How many rows are new above those shown, which stay where they are until `showNew`. */
  newCount: number;
  showNew(): void;
  isLoading: boolean;
  failure: Failure | null;
  retry(): void;
};

/** Reads a list page by page; while `isHeld`, or where more than the first page is open, nothing moves. */
export function useList<N extends ListName>(
  name: N,
  input: Omit<Input<N>, "cursor" | "page_size">,
  { isHeld }: { isHeld: boolean },
): List<Row<N>> {
  const client = useClient();
  const queries = useQueryClient();
  const first = useInfo(name, { ...input, page_size: FIRST_PAGE_SIZE } as Input<N>);
  const fresh = first.data as Page<Row<N>> | undefined;

  const [shown, setShown] = useState(fresh);
  const [shownFor, setShownFor] = useState("");
  const [later, setLater] = useState<Later[]>([]);
  const [sight, setSight] = useState([0, 0]);
  const [reading, setReading] = useState<{ isOn: boolean; failure: Failure | null }>(NOT_READING);

  const what = JSON.stringify([client.id, input]);
  const isOther = what !== shownFor;
  if (isOther || (fresh !== shown && !isHeld && later.length === 0)) {
    if (isOther || fresh) setShown(fresh);
    if (isOther) {
      setShownFor(what);
      setLater([]);
      setReading(NOT_READING);
    }
  }
  const head = (isOther ? fresh : shown) ?? fresh;

  const freshRows = new Map(fresh?.data.map((row) => [idOf(row), row]));
  const headRows = head?.data.map((row) => freshRows.get(idOf(row)) ?? row) ?? [];
  const known = new Set(head?.data.map(idOf));
  const newCount = fresh && head ? fresh.data.filter((row) => !known.has(idOf(row))).length : 0;

  const starts: number[] = [];
  let count = headRows.length;
  for (const page of later) {
    starts.push(count);
    count += page.count;
  }
  const inSight = later.flatMap(({ cursor, count: length }, index) => {
    const start = starts[index] ?? 0;
    return start <= (sight[1] ?? 0) && start + length > (sight[0] ?? 0) ? [{ cursor, start }] : [];
  });
  const pages = useQueries({
    queries: inSight.map(({ cursor }) => laterPage<N>(client, name, input, cursor)),
  });

  const rowAt = (index: number) => {
    if (index < headRows.length) return headRows[index] ?? null;
    for (const [which, { start }] of inSight.entries()) {
      const row = pages[which]?.data?.data[index - start];
      if (index >= start && row !== undefined) return row;
    }
    return null;
  };
  const around: Row<N>[] = [];
  const end = Math.min(count, Math.ceil(((sight[1] ?? 0) + 1) / BESIDE) * BESIDE);
  for (let index = Math.floor((sight[0] ?? 0) / BESIDE) * BESIDE; index < end; index++) {
    const row = rowAt(index);
    if (row !== null) around.push(row);
  }

  const last = later.at(-1);
  const next = last ? last.next : (head?.pagination_data.next_cursor ?? null);
  return {
    count,
    rowAt,
    around,
    look: (from, to) => {
      if (from !== sight[0] || to !== sight[1]) setSight([from, to]);
    },
    hasMore: next !== null,
    more() {
      if (next === null || reading.isOn) return;
      setReading({ isOn: true, failure: null });
      queries.query(laterPage<N>(client, name, input, next)).then(
        ({ data, pagination_data: { next_cursor, searched_until } }) => {
          const page = { cursor: next, count: data.length, next: next_cursor };
          setLater((before) => [...before, { ...page, searchedUntil: searched_until ?? null }]);
          setReading(NOT_READING);
        },
        (error: unknown) => setReading({ isOn: false, failure: failureOf(error) }),
      );
    },
    isReadingMore: reading.isOn,
    moreFailure: reading.failure,
    searchedUntil: last ? last.searchedUntil : (head?.pagination_data.searched_until ?? null),
    away: fresh?.away ?? NONE,
    newCount,
    showNew() {
      setLater([]);
      setShown(fresh);
    },
    isLoading: first.isLoading,
    failure: first.failure,
    retry: first.retry,
  };
}

// Out of the hook, whose scope holds the pages of its moment: a function made in there would keep them as long as itself, and each
// of them the page before.
function laterPage<N extends ListName>(
  client: ReturnType<typeof useClient>,
  name: N,
  input: Omit<Input<N>, "cursor" | "page_size">,
  cursor: string,
) {
  const asked = { ...input, page_size: LATER_PAGE_SIZE, cursor } as Input<N>;
  return {
    queryKey: [client.id, name, asked],
    queryFn: () => client.read(name, asked) as unknown as Promise<Page<Row<N>>>,
    staleTime: Infinity,
    gcTime: KEPT_MS,
  };
}

/** Rows that are there already, as a list. */
export function listOf<T>(rows: T[]): List<T> {
  return {
    count: rows.length,
    rowAt: (index) => rows[index] ?? null,
    look: () => {},
    around: rows,
    hasMore: false,
    more: () => {},
    isReadingMore: false,
    moreFailure: null,
    searchedUntil: null,
    away: NONE,
    newCount: 0,
    showNew: () => {},
    isLoading: false,
    failure: null,
    retry: () => {},
  };
}

const NONE: readonly string[] = [];
const NOT_READING = { isOn: false, failure: null };

/** What tells rows apart: an id, or of what has none its name. */
export function idOf(row: unknown): string {
  const { id, name, webhook_id, tenant } = row as Record<string, string | undefined>;
  return `${tenant ?? ""} ${id ?? name ?? webhook_id ?? JSON.stringify(row)}`;
}
