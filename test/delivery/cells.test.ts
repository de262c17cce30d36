// Cells and their workers: which serve which, and how one's slots are shared.
import { expect, test } from "@jest/globals";

import { caller, until } from "../helpers/api.ts";
import { createTestDatabase } from "../helpers/database.ts";
import { startInbox } from "../helpers/inbox.ts";
import { query } from "../helpers/embedded.ts";
import { startTestService } from "../helpers/service.ts";

const CONCURRENCY = 16;
const HALF = CONCURRENCY / 2;
const WEBHOOKS = 16; // of each tenant: one that waits for an answer gets no more than two requests
const FLOOD = 200; // events, each to all of them

/** A receiver that answers at once, or from `hold` on when it is told to. */
async function startHolding() {
  const held = new Set<() => void>();
  let isHolding = false;
  const inbox = await startInbox(() => {
    if (!isHolding) return {};
    return { until: new Promise<void>((resolve) => held.add(resolve)) };
  });
  const answer = () => {
    for (const resolve of held) resolve();
    held.clear();
  };
  return {
    inbox,
    held,
    hold: () => void (isHolding = true),
    answer,
    release() {
      isHolding = false;
      answer();
    },
  };
}

test("a cell that is flooded leaves half of a worker's slots to another that has as much due, and keeps the other half", async () => {
  const [home, us] = [await createTestDatabase(), await createTestDatabase()];
  await query(home.url, "insert into posthorn.placements (tenant, cell) values ('flooded', 'us')");
  const service = await startTestService({
    DATABASE_URL: home.url,
    POSTHORN_CELLS: `us=${us.url}`,
    POSTHORN_CONCURRENCY: String(CONCURRENCY),
  });
  const receivers = { flooded: await startHolding(), late: await startHolding() };
  const { flooded, late } = receivers;
  const as = (tenant: string) => caller(service, { "X-Tenant": tenant });
  const publish = async (tenant: string, count: number) => {
    const event = { type: "message.created", payload: 1 };
    const events = Array.from({ length: count }, () => event);
    await as(tenant)("events.publish_many", { events }).expect(200);
  };
  // Each has had a success before it holds: all that are new share a quarter of the slots.
  for (const [tenant, { inbox, hold }] of Object.entries(receivers)) {
    const webhooks = Array.from({ length: WEBHOOKS }, (_, n) => ({
      url: `${inbox.url}/${n}`,
      timeout_ms: 30_000,
    }));
    await as(tenant)("webhooks.subscribe_many", { webhooks }).expect(200);
    await publish(tenant, 1);
    await until(
      async () =>
        (await as(tenant)("deliveries.list", { status: "delivered" }).expect(200)).body.data.length,
      (count) => count === WEBHOOKS,
    );
    hold();
  }
  await publish("flooded", FLOOD);
  await until(
    () => Promise.resolve(flooded.held.size),
    (size) => size > HALF,
  );

  await publish("late", FLOOD);
  await until(
    () => {
      for (const each of [flooded, late]) if (each.held.size > HALF) each.answer();
      return Promise.resolve([flooded.held.size, late.held.size]);
    },
    (sizes) => sizes.every((size) => size === HALF),
  );
  expect(flooded.inbox.requests.length).toBeLessThan(FLOOD * WEBHOOKS); // it was flooded all the while

  for (const { release } of Object.values(receivers)) release();
  await service.stop();
  await Promise.all(Object.values(receivers).map(({ inbox }) => inbox.close()));
  await Promise.all([home.drop(), us.drop()]);
});

test("a worker serves the cells that it is given, and leaves the others' deliveries to those that have them", async () => {
  const [home, us] = [await createTestDatabase(), await createTestDatabase()];
  await query(home.url, "insert into posthorn.placements (tenant, cell) values ('there', 'us')");
  const both = { DATABASE_URL: home.url, POSTHORN_CELLS: `us=${us.url}` };
  const api = await startTestService(both, { role: "api" });
  const inbox = await startInbox();
  const publish = async (tenant: string) => {
    const as = caller(api, { "X-Tenant": tenant });
    await as("webhooks.subscribe", { url: `${inbox.url}/${tenant}` }).expect(200);
    await as("events.publish", { type: "message.created", payload: 1 }).expect(200);
  };
  await publish("there");
  const ofHome = await startTestService({ DATABASE_URL: home.url }, { role: "worker" });
  await publish("here");
  await inbox.arrived(1);
  await ofHome.stop();
  expect(inbox.requests.map(({ path }) => path)).toEqual(["/hook/here"]);
  const ofBoth = await startTestService(both, { role: "worker" });
  await inbox.arrived(2);
  expect(inbox.requests.map(({ path }) => path)).toEqual(["/hook/here", "/hook/there"]);
  await Promise.all([ofBoth.stop(), api.stop()]);
  await inbox.close();
  await Promise.all([home.drop(), us.drop()]);
});
