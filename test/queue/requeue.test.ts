// After a change of a webhook its rows follow: into the lanes of its order, cancelled, due now. Nothing goes out meanwhile that
// the change forbids.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "@jest/globals";

import { connect, type Connection } from "../../src/database/connect.ts";
import { silentLog } from "../../src/kernel/log.ts";
import { type ClaimedDelivery } from "../../src/queue/claim.ts";
import { releaseClaimed } from "../../src/queue/release.ts";
import { park, unpark } from "../../src/queue/hold.ts";
import { advanceSome, FIRST_LANE } from "../../src/queue/lanes.ts";
import { createRequeue, requeueAll } from "../../src/queue/requeue.ts";
import { stageDue } from "../../src/queue/sweep.ts";
import { caller, type Call } from "../helpers/api.ts";
import { claim as claimWith } from "../helpers/claims.ts";
import { fill } from "../helpers/database.ts";
import { startTestService, type TestService } from "../helpers/service.ts";

let service: TestService; // an api alone: nothing moves but by the tests
let connection: Connection;
let post: Call;
let requeue: () => Promise<number>;
let tenants = 0;

beforeAll(async () => {
  service = await startTestService({}, { role: "api" });
  connection = connect(service.databaseUrl, {
    name: "requeue",
    max: 4,
    log: silentLog,
    plans: "pinned once",
  });
  requeue = createRequeue(connection.pool);
});
afterAll(async () => {
  await connection.close();
  await service.stop();
});
beforeEach(() => {
  post = caller(service, { "X-Tenant": `tenant-${++tenants}` });
});
afterEach(() => rows("delete from posthorn.deliveries"));

const rows = async (statement: string, values: unknown[] = []) =>
  (await connection.pool.query(statement, values)).rows;
const subscribe = async (settings: object = {}): Promise<string> =>
  (await post("webhooks.subscribe", { url: "https://example.com/", ...settings }).expect(200)).body
    .id;
const publish = async (...channels: string[]): Promise<string[]> => {
  const events = channels.map((channel) => ({ type: "message.created", payload: 1, channel }));
  const { body } = await post("events.publish_many", { events }).expect(200);
  return body.data.map(({ id }: { id: string }) => id);
};
/** By SQL, many at once. */
const publishMany = (count: number) =>
  fill(
    service.databaseUrl,
    "select posthorn.publish('message.created', '1', tenant => $1, channel => (n % 7)::text) from generate_series(1, $2) as n",
    [`tenant-${tenants}`, count],
  );
const eventOf = ({ event_id }: ClaimedDelivery) => `evt_${event_id.replaceAll("-", "")}`;
const claimAll = () => claimWith(connection.pool);
const claim = async () => (await claimAll()).deliveries;
/** One round of what the loop does beside the claim. */
const housekeeping = async () => {
  await stageDue(connection.pool);
  await park(connection.pool);
  await unpark(connection.pool);
  await requeue();
  await advanceSome(connection.pool, FIRST_LANE);
};
const placeAll = async () => {
  while ((await requeue()) > 0);
};
const settleAs = (outcome: "delivered" | "failed", { id }: ClaimedDelivery) =>
  outcome === "delivered"
    ? rows("delete from posthorn.deliveries where id = $1", [id])
    : rows(
        `update posthorn.deliveries set state = 1, attempts_made = attempts_made + 1, locked_until = null,
           due_at = now() + interval '1 hour' where id = $1`,
        [id],
      );
const endWaits = () => rows("update posthorn.deliveries set due_at = now() where state = 1");
/** What goes out, in order, each delivered. */
const takeAll = async (): Promise<string[]> => {
  const taken: string[] = [];
  for (let idle = 0; idle < 3;) {
    await housekeeping();
    const claimed = await claim();
    idle = claimed.length > 0 ? 0 : idle + 1;
    for (const delivery of claimed) {
      taken.push(eventOf(delivery));
      await settleAs("delivered", delivery);
    }
  }
  return taken;
};

describe("an order that is changed", () => {
  test.each([
    ["none", "channel"],
    ["none", "webhook"],
    ["channel", "webhook"],
    ["webhook", "channel"],
  ])(
    "from %s to %s while the first waits for its retry lets no other go first",
    async (from, to) => {
      const id = await subscribe({ order: from });
      const [first, ...others] = await publish("a", "a", "a", "a");
      await housekeeping();
      const claimed = await claim();
      const [head, ...free] = claimed.sort((a, b) => (a.event_id < b.event_id ? -1 : 1));
      await settleAs("failed", head as ClaimedDelivery);
      await releaseClaimed(connection.pool, free);
      await post("webhooks.update", { id, order: to }).expect(200);
      expect(await takeAll()).toEqual([]);
      await endWaits();
      expect(await takeAll()).toEqual([first, ...others]);
    },
  );

  test("to webhook waits for what is in flight of all channels, and sends one of them that fails first", async () => {
    const id = await subscribe({ order: "channel" });
    const [a1, b1, a2] = await publish("a", "b", "a");
    await housekeeping();
    const [a, b] = (await claim()).sort((x, y) => (x.event_id < y.event_id ? -1 : 1));
    await post("webhooks.update", { id, order: "webhook" }).expect(200);
    for (let n = 0; n < 3; n++) await housekeeping();
    expect(await claim()).toEqual([]);
    await settleAs("delivered", a as ClaimedDelivery);
    for (let n = 0; n < 3; n++) await housekeeping();
    expect(await claim()).toEqual([]);
    await settleAs("failed", b as ClaimedDelivery);
    await endWaits();
    expect(a1).toBeDefined();
    expect(await takeAll()).toEqual([b1, a2]);
  });

  test("and back again sends each once, in order", async () => {
    const id = await subscribe({ order: "webhook" });
    const published = await publish("a", "b", "a", "b");
    await housekeeping();
    for (const order of ["channel", "none", "webhook"])
      await post("webhooks.update", { id, order }).expect(200);
    expect(await takeAll()).toEqual(published);
  });

  test("while it is held has its rows in the lanes of the new order when they are released", async () => {
    const id = await subscribe({ order: "none" });
    const published = await publish("a", "b", "a");
    await post("webhooks.update", { id, paused: true }).expect(200);
    await housekeeping();
    await post("webhooks.update", { id, order: "webhook" }).expect(200);
    await post("webhooks.update", { id, paused: false }).expect(200);
    expect(await takeAll()).toEqual(published);
  });

  test.each([
    ["none", "webhook"],
    ["none", "channel"],
    ["webhook", "none"],
    ["webhook", "channel"],
    ["channel", "webhook"],
  ])(
    "from %s to %s has what was published before and commits after it in its lanes too",
    async (from, to) => {
      const id = await subscribe({ order: from });
      const late = await connection.pool.connect();
      await late.query("begin isolation level repeatable read");
      await late.query("select from posthorn.webhooks");
      await post("webhooks.update", { id, order: to }).expect(200);
      await placeAll();
      const [early] = await publish("a");
      const { rows: published } = await late.query<{ id: string }>(
        "select posthorn.publish('message.created', '2', tenant => $1, channel => 'a') as id",
        [`tenant-${tenants}`],
      );
      await late.query("commit");
      late.release();
      const [later] = await publish("a");
      // As the loop does with what a claim and a look at the lanes find.
      const sent: string[] = [];
      for (let n = 0; n < 12; n++) {
        await housekeeping();
        const claimed = await claimAll();
        if (to !== "none") expect(claimed.deliveries.length).toBeLessThanOrEqual(1);
        await requeueAll(connection.pool, claimed.misplaced);
        for (const delivery of claimed.deliveries) {
          sent.push(eventOf(delivery));
          await settleAs("delivered", delivery);
        }
      }
      expect(sent.sort()).toEqual([early, published[0]?.id, later].sort());
    },
  );

  test("of a webhook with 5,000 rows lets nothing go before all are in their lanes, and moves each once", async () => {
    const id = await subscribe({ order: "none" });
    await publishMany(5_000);
    await post("webhooks.update", { id, order: "channel" }).expect(200);
    expect(await claim()).toEqual([]);
    expect((await advanceSome(connection.pool, FIRST_LANE)).advanced).toBe(0);
    await placeAll();
    await advanceSome(connection.pool, FIRST_LANE);
    expect(await claim()).toHaveLength(7);
    await post("webhooks.update", { id, order: "none" }).expect(200);
    await placeAll();
    expect(await rows("select distinct state from posthorn.deliveries")).toEqual([{ state: 0 }]);
  });
});

describe("an unsubscribe", () => {
  test("answers before all of 5,000 pending are cancelled, and a subscribe that follows sends none of them", async () => {
    const id = await subscribe();
    await publishMany(5_000);
    await post("webhooks.unsubscribe", { id }).expect(200);
    expect(await rows("select count(*)::integer as count from posthorn.deliveries")).not.toEqual([
      { count: 0 },
    ]);
    await post("webhooks.subscribe", { id, url: "https://example.com/" }).expect(200);
    const [fresh] = await publish("a");
    expect(await claim()).toEqual([]);
    await placeAll();
    expect((await claim()).map(eventOf)).toEqual([fresh]);
    const [{ reasons, count }] = await rows(
      "select array_agg(distinct reason) as reasons, count(*)::integer as count from posthorn.finished_deliveries where tenant = $1",
      [`tenant-${tenants}`],
    );
    expect({ reasons, count }).toEqual({ reasons: ["unsubscribed"], count: 5_000 });
  });
});
