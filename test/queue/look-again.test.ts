// What another look says, before a request goes out a second time, or late.
import { afterAll, beforeAll, expect, test } from "@jest/globals";

import { connect, type Connection } from "../../src/database/connect.ts";
import { silentLog } from "../../src/kernel/log.ts";
import type { ClaimedDelivery } from "../../src/queue/claim.ts";
import { pauseAll, resumeAll } from "../../src/queue/sending.ts";
import { whichMayBeSent } from "../../src/queue/look-again.ts";
import { caller, type Call } from "../helpers/api.ts";
import { claim } from "../helpers/claims.ts";
import { startTestService, type TestService } from "../helpers/service.ts";

let service: TestService; // an api alone: nobody claims but the tests
let loop: Connection;
let post: Call;
let tenants = 0;

beforeAll(async () => {
  service = await startTestService({}, { role: "api" });
  loop = connect(service.databaseUrl, { name: "again", max: 2, log: silentLog, plans: "pinned" });
});
afterAll(async () => {
  await loop.close();
  await service.stop();
});

async function claimOne(): Promise<{ id: string; claimed: ClaimedDelivery }> {
  post = caller(service, { "X-Tenant": `tenant-${++tenants}` });
  const { id } = (await post("webhooks.subscribe", { url: "https://example.com/" })).body;
  await post("events.publish", { type: "message.created", payload: 1 }).expect(200);
  const { deliveries } = await claim(loop.pool);
  return { id, claimed: deliveries[0]! };
}
const look = async (claimed: ClaimedDelivery) => {
  const again = [{ ...claimed, version: claimed.webhook_version }];
  return (await whichMayBeSent({ pool: loop.pool, installation: null }, again)).has(claimed.id);
};

test("what was claimed may still be sent while nothing has changed", async () => {
  const { claimed } = await claimOne();
  expect(await look(claimed)).toBe(true);
});

test.each<[string, (id: string) => Promise<unknown>]>([
  ["is unsubscribed", (id) => post("webhooks.unsubscribe", { id }).expect(200)],
  ["is paused", (id) => post("webhooks.update", { id, paused: true }).expect(200)],
  ["has a new URL", (id) => post("webhooks.update", { id, url: "https://b.test/" }).expect(200)],
  ["is deleted", (id) => post("webhooks.delete", { id }).expect(200)],
  [
    "is disabled",
    (id) => loop.pool.query("update posthorn.webhooks set health = 'disabled' where id = $1", [id]),
  ],
])("nothing is sent again to a webhook that %s", async (_, change) => {
  const { id, claimed } = await claimOne();
  await change(id);
  expect(await look(claimed)).toBe(false);
});

test("nothing is sent again once all sending is paused", async () => {
  const { claimed } = await claimOne();
  await pauseAll(loop.pool);
  expect(await look(claimed)).toBe(false);
  await resumeAll(loop.pool, { installation: null, adopt: false });
  expect(await look(claimed)).toBe(true);
});

test.each([
  ["has run out", "locked_until = now() - interval '1 second'"],
  ["is another's", "fence = fence + 1"],
])("nothing is sent again under a lease that %s", async (_, change) => {
  const { claimed } = await claimOne();
  await loop.pool.query(`update posthorn.deliveries set ${change} where id = $1`, [claimed.id]);
  expect(await look(claimed)).toBe(false);
});

test("of several, those are named that may be sent", async () => {
  const [kept, changed] = [await claimOne(), await claimOne()];
  await post("webhooks.unsubscribe", { id: changed.id }).expect(200);
  const both = [kept, changed].map(({ claimed }) => ({
    ...claimed,
    version: claimed.webhook_version,
  }));
  expect(await whichMayBeSent({ pool: loop.pool, installation: null }, both)).toEqual(
    new Set([kept.claimed.id]),
  );
});
