// That the database goes and comes back is said once each, whatever asks it meanwhile.
import { expect, test } from "@jest/globals";

import { createPresence } from "../../src/database/presence.ts";
import { createLog } from "../../src/kernel/log.ts";

function create() {
  const lines: Record<string, unknown>[] = [];
  const log = createLog("debug", { write: (line) => void lines.push(JSON.parse(line)) });
  const clock = { now: 0 };
  return { lines, clock, presence: createPresence(log, () => clock.now) };
}

test("a database that goes and comes back is one line each, with how long it was away", () => {
  const { lines, clock, presence } = create();
  presence.answered();
  for (clock.now = 1_000; clock.now <= 11_000; clock.now += 100) presence.failed(new Error("gone"));
  clock.now = 13_500;
  for (let n = 0; n < 5; n++) presence.answered();
  expect(lines).toEqual([
    expect.objectContaining({ level: "warn", msg: "the database is away" }),
    expect.objectContaining({ level: "info", msg: "the database is back", away_s: 13 }),
  ]);
});

test("while some connections are had and others are not, it is not said to be back", () => {
  const { lines, clock, presence } = create();
  for (clock.now = 0; clock.now <= 60_000; clock.now += 1_900) {
    presence.failed(new Error("too many"));
    presence.answered();
  }
  expect(lines).toHaveLength(1);
});
