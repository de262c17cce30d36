// The short form of `npm run chaos` with one database.
import { expect, test } from "@jest/globals";

import { SHORT } from "../../chaos/rows.ts";
import { costsOf } from "../../chaos/strikes.ts";
import { expectSurvival, SHORT_MS } from "../helpers/chaos.ts";

test(
  "a worker killed, late commits, cut connections, SIGTERM and a crashed database lose nothing, repeat at most what each had in flight, and go on",
  () => expectSurvival(SHORT, 4), // late commits are no fault that ends
  SHORT_MS,
);

test("a fault answers for one repeat of each delivery in flight at it, and for the time until the last goes on", () => {
  const lease = (name: string, fence: number) => ({ id: `dlv ${name}`, fence, event: name });
  const strikes = [
    { at: 10, healedAt: 20, leases: [lease("a", 1), lease("b", 1)] },
    { at: 30, healedAt: 40, leases: [lease("b", 2)] },
  ];
  const { costs, unexplained } = costsOf(strikes, {
    acknowledged: new Map(Object.entries({ a: 1, b: 2, c: 15, d: 45 })),
    arrivals: new Map(Object.entries({ a: [5, 25, 26], b: [6, 35, 60], c: [28], d: [46, 47] })),
    finishedAt: new Map([["dlv a", 27] as const, ["dlv b", 60] as const]),
  });
  expect(costs).toEqual([
    { inFlight: 2, repeated: 2, firstAgainMs: 8, resumeMs: 8 },
    { inFlight: 1, repeated: 1, firstAgainMs: 6, resumeMs: 20 },
  ]);
  expect(unexplained).toBe(2);
});
