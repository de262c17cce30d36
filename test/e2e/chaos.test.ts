// The short form of `npm run chaos`, against the service as it is built. Counts alone are judged here: how long things
// take says more of a crowded machine than of us.
import { expect, test } from "@jest/globals";

import { runRow, SHORT } from "../../chaos/rows.ts";

test("a worker killed, late commits, cut connections, SIGTERM and a crashed database lose nothing, and repeat at most what was in flight", async () => {
  const { acknowledged, lost, ghosts, repeated, inFlight, wrong } = await runRow(SHORT);
  expect(wrong).toEqual([]);
  expect({ lost, ghosts }).toEqual({ lost: 0, ghosts: 0 });
  expect(acknowledged).toBeGreaterThan(500);
  expect(repeated).toBeLessThanOrEqual(inFlight);
}, 180_000); // a minute on a quiet machine: the lease of the killed worker, and what comes before it
