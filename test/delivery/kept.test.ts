// What is kept within so many bytes, and what has to go for it.
import { expect, test } from "@jest/globals";

import { createKept } from "../../src/delivery/kept.ts";

// The same numbers in each run, as even as chance (a linear congruential generator).
function createChance(): () => number {
  let state = 1;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

const keep = (bytesMax: number) => createKept<string>({ bytesMax, random: createChance() });

test("what is kept is found under its id, in its newest form, until all is forgotten", () => {
  const kept = keep(100);
  kept.set(1, "one", 10);
  kept.set(2, "two", 10);
  kept.set(1, "one anew", 10);
  expect([kept.get(1), kept.get(2), kept.get(3)]).toEqual(["one anew", "two", undefined]);
  kept.clear();
  expect(kept.get(1)).toBeUndefined();
});

test("never more bytes than it may have are kept, whatever goes for it", () => {
  const kept = keep(1_000);
  const sizes = new Map<number, number>();
  const chance = createChance();
  for (let n = 0; n < 5_000; n++) {
    const id = Math.floor(chance() * 200);
    const size = Math.floor(chance() * 100);
    sizes.set(id, size);
    kept.set(id, String(n), size);
    expect(kept.get(id)).toBe(String(n));
    const held = [...sizes].filter(([each]) => kept.get(each) !== undefined);
    expect(held.reduce((sum, [, bytes]) => sum + bytes, 0)).toBeLessThanOrEqual(1_000);
  }
});

test("what is larger by itself is not kept, and nothing goes for it", () => {
  const kept = keep(100);
  kept.set(1, "one", 60);
  kept.set(2, "too large", 101);
  expect([kept.get(1), kept.get(2)]).toEqual(["one", undefined]);
  kept.set(1, "grown too large", 101);
  expect(kept.get(1)).toBeUndefined();
});

test("going round a few more than there is room for finds most of them again, each time", () => {
  const kept = keep(1_000);
  const round = () => {
    let found = 0;
    for (let id = 0; id < 1_050; id++) {
      if (kept.get(id) !== undefined) found += 1;
      else kept.set(id, "read again", 1);
    }
    return found;
  };
  round();
  for (let n = 0; n < 10; n++) expect(round()).toBeGreaterThan(800);
});
