// The short rows of `npm run chaos` as tests. Counts are judged as there; times loosely, since they say more of a crowded machine
// than of us.
import { expect } from "@jest/globals";

import { LEASE_MS } from "../../chaos/judgement.ts";
import { runRow, type Row } from "../../chaos/rows.ts";

export const SHORT_MS = 240_000; // a minute on a quiet machine: the lease of what was in flight, and what comes before it

/** Runs a row, against the service as it is built, and expects that it has survived so many faults. */
export async function expectSurvival(row: Row, faults: number): Promise<void> {
  const { acknowledged, lost, ghosts, unexplained, costs, wrong } = await runRow(row);
  expect(wrong).toEqual([]);
  expect({ lost, ghosts }).toEqual({ lost: 0, ghosts: 0 });
  expect(acknowledged).toBeGreaterThan(500);
  expect(unexplained).toBe(0);
  expect(costs).toHaveLength(faults);
  for (const { inFlight, repeated, resumeMs } of costs) {
    expect(repeated).toBeLessThanOrEqual(inFlight);
    expect(resumeMs).toBeLessThan(3 * LEASE_MS);
  }
}
