import { expect, test } from "@jest/globals";
import type pg from "pg";

import type { Log } from "../../src/kernel/log.ts";
import { tellClocksApart } from "../../src/service/clocks.ts";

test.each([
  ["is not told where the asking took ten seconds", [0, 5_000, 10_000], undefined],
  ["is not told where nothing answers, and stops nothing", [0, new Error("away"), 0], undefined],
  ["is not told below a second", [0, 990, 0], undefined],
  ["is told where it is ahead", [0, 61_000, 1_000], 60_000],
  ["is told where it is behind", [100_000, 40_000, 101_000], -60_000],
])("of a cell's clock and home's what is apart %s", async (_, [before, its, after], aheadMs) => {
  const showing = (name: string, ...times: (number | Error | undefined)[]) => {
    const query = () => {
      const ms = times.shift();
      return ms instanceof Error ? Promise.reject(ms) : Promise.resolve({ rows: [{ ms }] });
    };
    return { name, pools: { publishing: { pool: { query } as unknown as pg.Pool } } };
  };
  const told: object[] = [];
  const log = { warn: (fields: object) => told.push(fields) } as unknown as Log;
  await tellClocksApart(showing("home", before, after), showing("eu", its), log);
  expect(told).toEqual(aheadMs === undefined ? [] : [{ cell: "eu", aheadMs }]);
});
