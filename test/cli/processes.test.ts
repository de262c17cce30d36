// How the processes of one command are kept going.
import { expect, test } from "@jest/globals";

import { createFleet } from "../../src/cli/processes/fleet.ts";
import type { End, Life, Started } from "../../src/cli/processes/life.ts";
import { countEnds, restartWaitMs } from "../../src/cli/processes/restart-wait.ts";
import { createTally } from "../../src/cli/processes/tally.ts";
import { silentLog } from "../../src/kernel/log.ts";
import type { Report } from "../../src/metrics/sum.ts";
import { valueOf } from "../helpers/metrics.ts";

const STARTED: Started = {
  url: "http://x",
  newAdminKey: null,
  embeddedUrl: null,
  reachesLoopback: false,
};
const KILLED: End = { code: null, signal: "SIGKILL" };

/** A process that does as it is told. */
function createLife(report?: Report) {
  let serve = () => {};
  let end: (how: End) => void = () => {};
  const life: Life = {
    pid: 1,
    served: new Promise((resolve) => (serve = () => resolve(STARTED))),
    over: new Promise((resolve) => (end = resolve)),
    ask: () => (report ? Promise.resolve(report) : Promise.reject(new Error("no answer"))),
    stop: () => end({ code: 0, signal: null }),
    kill: () => end(KILLED),
  };
  return { life, serve: () => serve(), end: (how: End) => end(how) };
}

test("a process that dies again and again waits longer each time, half a minute at most; one that lived for a minute does not", () => {
  const waits = Array.from({ length: 12 }, (_, n) => restartWaitMs(n + 1));
  expect(waits).toEqual([250, 500, 1_000, 2_000, 4_000, 8_000, 16_000, ...Array(5).fill(30_000)]);
  expect(countEnds(7, 59_999)).toBe(8);
  expect(countEnds(7, 60_000)).toBe(1);
});

test("the first process that can't start keeps the others from being started, and is not started again", async () => {
  const made = [createLife(), createLife()];
  let launched = 0;
  const fleet = createFleet({
    size: 2,
    launch: () => made[launched++]?.life as Life,
    log: silentLog,
    served: () => {},
    ended: () => {},
  });
  const started = fleet.start();
  made[0]?.end({ code: 1, signal: null });
  expect(await started).toEqual({ code: 1, signal: null });
  expect(launched).toBe(1);
});

test("one that dies is replaced; none is once they are told to stop", async () => {
  const made: ReturnType<typeof createLife>[] = [];
  let replaced = () => {};
  const third = new Promise<void>((resolve) => (replaced = resolve));
  const ends: Life[] = [];
  const fleet = createFleet({
    size: 2,
    launch() {
      const next = createLife();
      if (made.push(next) === 3) replaced();
      return next.life;
    },
    log: silentLog,
    served: () => {},
    ended: (life) => void ends.push(life),
  });
  const started = fleet.start();
  made[0]?.serve();
  expect(await started).toEqual(STARTED);
  expect(made).toHaveLength(2); // the others once the first serves
  made[1]?.end(KILLED);
  await third;
  expect(ends).toEqual([made[1]?.life]);
  expect(fleet.restarts).toBe(1);
  expect(await fleet.stop()).toEqual([
    { code: 0, signal: null },
    { code: 0, signal: null },
  ]);
  expect(made).toHaveLength(3);
});

test("what a process had counted stays in the sum when it has ended; what it had at the moment does not", async () => {
  const report = (count: number): Report => ({
    own: [
      {
        name: "a_total",
        help: "a",
        type: "counter",
        aggregator: "sum",
        values: [{ value: count, labels: {} }],
      },
      {
        name: "now",
        help: "n",
        type: "gauge",
        aggregator: "sum",
        values: [{ value: count, labels: {} }],
      },
    ] as unknown as Report["own"],
    ofDatabase: [],
  });
  const [one, two, silent] = [
    createLife(report(3)).life,
    createLife(report(4)).life,
    createLife().life,
  ];
  const serving = [one, two, silent];
  const tally = createTally(() => ({ serving, restarts: 0 }));
  const told = async () => {
    const { text } = await tally.scrape();
    return [valueOf(text, "a_total"), valueOf(text, "now"), valueOf(text, "posthorn_processes")];
  };
  expect(await told()).toEqual([7, 7, 3]);
  serving.shift();
  tally.ended(one);
  expect(await told()).toEqual([7, 4, 2]);
  serving.shift();
  tally.ended(two);
  expect(await told()).toEqual([7, undefined, 1]);
});
