// Where a claim may begin in each webhook's rows.
import { expect, test } from "@jest/globals";

import { createKnown, type Known } from "../../src/delivery/known.ts";
import type { ClaimedDelivery } from "../../src/queue/claim.ts";
import { lowestUuidAt } from "../../src/kernel/ids.ts";

const at = (second: number) => new Date(Date.UTC(2026, 0, 1, 0, 0, second));

function claimed(known: Known, webhook_id: number, second: number, lane: number | null = null) {
  const delivery = { webhook_id, event_id: lowestUuidAt(at(second)), lane };
  known.claimed([delivery as ClaimedDelivery]);
}

test("a webhook may have work since the event that was claimed of it last", () => {
  const known = createKnown();
  claimed(known, 1, 10);
  claimed(known, 2, 20);
  claimed(known, 1, 30);
  expect(known.since()).toEqual(
    new Map([
      [2, at(20)],
      [1, at(30)],
    ]),
  );
});

test("a retry of an older event takes nothing back", () => {
  const known = createKnown();
  claimed(known, 1, 30);
  claimed(known, 1, 10);
  expect(known.since().get(1)).toEqual(at(30));
});

test("a webhook with an order may have work since ever, for its lanes are each at another event", () => {
  const known = createKnown();
  claimed(known, 1, 30, 7);
  expect(known.since().get(1)).toEqual(new Date(0));
});

test("a webhook that something of was given back may have work since ever", () => {
  const known = createKnown();
  claimed(known, 1, 30);
  known.returned([{ webhook_id: 1 }, { webhook_id: 2 }] as ClaimedDelivery[]);
  expect(known.since()).toEqual(new Map([[1, new Date(0)]]));
});

test("beyond a thousand webhooks the one claimed of longest ago is forgotten", () => {
  const known = createKnown();
  for (let id = 1; id <= 1_000; id++) claimed(known, id, 10);
  claimed(known, 1, 20);
  claimed(known, 1_001, 20);
  expect([known.since().size, known.since().has(1), known.since().has(2)]).toEqual([
    1_000,
    true,
    false,
  ]);
});
