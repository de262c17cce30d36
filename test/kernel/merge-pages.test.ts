// Pages of several databases as one.
import { expect, test } from "@jest/globals";

import { mergePages, type Part } from "../../src/kernel/merge-pages.ts";

const SIZE = 3;

type Item = { name: string; count: number };
const itemsOf = (names: string) => [...names].map((name) => ({ name, count: 1 }));

/** A page of one database: a letter is an item and its place, `|` where the next page begins, `?` where the looking stopped. */
function part(text: string, isRising: boolean): Part<Item> {
  const [, names = "", mark, end] = /^(\w*)([|?]?)(\w?)$/.exec(text) ?? [];
  const stopped = mark === "?" ? { searched_until: end } : {};
  return {
    page: {
      data: itemsOf(names),
      pagination_data: { next_cursor: null, previous_cursor: null, total: null, ...stopped },
    },
    at: {
      places: [...names],
      isRising,
      end: mark === "|" ? (names.at(-1) ?? null) : (end ?? "") || null,
      size: SIZE,
      seal: (place) => `after ${place}`,
    },
  };
}

const merged = (first: string, second: string, isRising = true) =>
  mergePages<Item>([part(first, isRising), part(second, isRising)], (one, other) => ({
    name: one.name,
    count: one.count + other.count,
  }));
const namesOf = ({ data }: { data: Item[] }) => data.map(({ name }) => name).join("");

test.each<[string, string, string, string | null, string]>([
  ["ad", "bc", "abc", "after c", "what does not fit is left to the next page"],
  ["ac", "b", "abc", null, "the last page has no next one"],
  ["", "", "", null, "an empty list"],
  ["abc|", "", "abc", "after c", "one goes on where the other has nothing"],
  [
    "ab|",
    "xyz|",
    "ab",
    "after b",
    "one that ended early ends the page: what follows there may come first",
  ],
  ["a?d", "ex", "a", "after d", "so does one whose looking stopped"],
  ["?d", "x", "", "after d", "also where it found nothing"],
])("%s and %s are %s, and then %s: %s", (first, second, names, next, _why) => {
  for (const page of [merged(first, second), merged(second, first)]) {
    expect(namesOf(page)).toBe(names);
    expect(page.pagination_data.next_cursor).toBe(next);
  }
});

test("a list that falls is merged as it falls", () => {
  const page = merged("db", "ca", false);
  expect([namesOf(page), page.pagination_data.next_cursor]).toEqual(["dcb", "after b"]);
});

test("the page says how far was searched where it ends there, and not where it ends for its size", () => {
  expect(merged("a?d", "x").pagination_data.searched_until).toBe("d");
  expect(merged("a?z", "bcd").pagination_data).not.toHaveProperty("searched_until");
});

test("what two databases have is one item of both, on whichever page it comes", () => {
  expect(merged("ab", "bc").data).toEqual([
    { name: "a", count: 1 },
    { name: "b", count: 2 },
    { name: "c", count: 1 },
  ]);
  expect(merged("ab|", "bc").data).toEqual([
    { name: "a", count: 1 },
    { name: "b", count: 2 },
  ]);
});
