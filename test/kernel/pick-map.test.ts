// The map of which any one can be picked.
import { expect, test } from "@jest/globals";

import { createPickMap } from "../../src/kernel/pick-map.ts";

test("holds what a Map would hold, whatever is kept, replaced and taken out", () => {
  const map = createPickMap<number, number>();
  const plain = new Map<number, number>();
  for (let n = 0; n < 2_000; n++) {
    const key = (n * 37) % 101;
    if (n % 3 === 0) {
      expect(map.remove(key)).toBe(plain.get(key));
      plain.delete(key);
    } else {
      map.set(key, n);
      plain.set(key, n);
    }
    expect([map.size, map.get(key)]).toEqual([plain.size, plain.get(key)]);
  }
  const held = map.keys().map((key) => [key, map.get(key)]);
  expect(new Map(held as [number, number][])).toEqual(plain);
  expect(held).toHaveLength(plain.size);
});

test("picks each of what is there, for each share of chance, and nothing where it is empty", () => {
  const map = createPickMap<string, null>();
  expect(map.pick(() => 0.5)).toBeUndefined();
  for (const key of ["a", "b", "c", "d"]) map.set(key, null);
  map.remove("b");
  const picked = [0, 0.4, 0.999].map((share) => map.pick(() => share));
  expect(picked.sort()).toEqual(["a", "c", "d"]);
});
