// Leases: who has a delivery, for how long, and what somebody who has it no more can still do to it.
import { randomUUID } from "node:crypto";

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "@jest/globals";

import { silentLog } from "../../src/kernel/log.ts";
import { type ClaimedDelivery } from "../../src/queue/claim.ts";
import { releaseClaimed } from "../../src/queue/release.ts";
import { connect, type Connection } from "../../src/database/connect.ts";
import { settle, type Settlement } from "../../src/queue/settle.ts";
import { caller, type Call } from "../helpers/api.ts";
import { claim as claimWith } from "../helpers/claims.ts";
import { startTestService, type TestService } from "../helpers/service.ts";

let service: TestService; // an api alone: nobody claims but the tests
let connection: Connection;
let post: Call;

beforeAll(async () => {
  service = await startTestService({}, { role: "api" });
  connection = connect(service.databaseUrl, { name: "claims", max: 8, log: silentLog });
});
afterAll(async () => {
  await connection.close();
  await service.stop();
});
beforeEach(() => {
  post = caller(service, { "X-Tenant": `tenant-${randomUUID()}` });
});
afterEach(() => rows("delete from posthorn.deliveries"));

const rows = async (statement: string, values: unknown[] = []) =>
  (await connection.pool.query(statement, values)).rows;
const subscribe = async (): Promise<string> =>
  (await post("webhooks.subscribe", { url: "https://example.com/" }).expect(200)).body.id;
const publish = async (count = 1) => {
  const events = Array.from({ length: count }, () => ({ type: "message.created", payload: 1 }));
  await post("events.publish_many", { events }).expect(200);
};
const claim = async (limits: Parameters<typeof claimWith>[1] = {}) =>
  (await claimWith(connection.pool, limits)).deliveries;
const claimOne = async (): Promise<ClaimedDelivery> => {
  const [delivery, ...more] = await claim();
  expect(more).toEqual([]);
  return delivery as ClaimedDelivery;
};
const endLeases = () =>
  rows(
    "update posthorn.deliveries set locked_until = now() - interval '1 second' where locked_until is not null",
  );
const pending = () => rows("select * from posthorn.deliveries");
const finished = ({ id }: ClaimedDelivery) =>
  rows("select status, attempts_made from posthorn.finished_deliveries where id = $1", [id]);
const attempts = ({ id }: ClaimedDelivery) =>
  rows("select number, worker from posthorn.attempts where delivery_id = $1 order by id", [id]);

const settlement = (
  delivery: ClaimedDelivery,
  verdict: Settlement["verdict"],
  worker = "a worker",
): Settlement => ({
  delivery,
  verdict,
  dueAt: verdict === "retry" ? new Date(Date.now() + 3_600_000) : null,
  webhookNotBefore: null,
  proves: null,
  isOwnEvent: false,
  attempt: {
    number: delivery.attempts_made + 1,
    at: new Date(),
    resentAt: null,
    traceparent: null,
    durationMs: 5,
    worker,
    keyVersion: null,
    address: "127.0.0.1",
    status: verdict === "delivered" ? 200 : 500,
    reason: verdict === "delivered" ? null : "status",
    error: null,
    bodySha256: null,
    responseHeaders: {},
    responseBody: "",
  },
});

describe("a claim", () => {
  test("takes what is due once: nobody else gets it while its lease runs", async () => {
    await subscribe();
    await publish(3);
    expect(await claim()).toHaveLength(3);
    expect(await claim()).toEqual([]);
  });

  test("shares with no other that runs at the same time, and together they take all", async () => {
    await subscribe();
    await publish(200);
    const claims = await Promise.all(Array.from({ length: 8 }, () => claim({ limit: 50 })));
    const ids = [...claims.flat(), ...(await claim())].map(({ id }) => id);
    expect(ids).toHaveLength(200);
    expect(new Set(ids).size).toBe(200);
  });

  test("gives a webhook no more than the worker has free for it, and every webhook some", async () => {
    await subscribe();
    await subscribe();
    await publish(10);
    const first = await claim({ limit: 20, each: 3 });
    const byWebhook = new Map<number, number>();
    for (const { webhook_id: id } of first) byWebhook.set(id, (byWebhook.get(id) ?? 0) + 1);
    expect([...byWebhook.values()]).toEqual([3, 3]);
    const [busy, other] = [...byWebhook.keys()] as [number, number];
    const second = await claim({ limit: 20, each: 3, slots: { [busy]: [0, 0] } });
    expect(second.map(({ webhook_id }) => webhook_id)).toEqual([other, other, other]);
  });

  test("of large payloads is as full as one of many: the next goes on behind its last webhook", async () => {
    const ids = [await subscribe(), await subscribe()];
    await publish(10);
    await rows("update posthorn.deliveries set payload_bytes = 1024 * 1024");
    const [first, second] = await rows(
      "select webhook_id from posthorn.webhooks where id = any ($1) order by webhook_id",
      [ids],
    );
    const limits = { limit: 100, each: 8 };
    const claimed = await claimWith(connection.pool, limits);
    expect(claimed.cutAfter).toBe(first.webhook_id);
    expect(new Set(claimed.deliveries.map(({ webhook_id }) => webhook_id))).toEqual(
      new Set([first.webhook_id]),
    );
    const next = await claimWith(connection.pool, { ...limits, afterWebhook: first.webhook_id });
    expect(new Set(next.deliveries.map(({ webhook_id }) => webhook_id))).toEqual(
      new Set([second.webhook_id]),
    );
    const rest = await claimWith(connection.pool, limits);
    expect([rest.deliveries.length, rest.cutAfter]).toEqual([4, null]);
  });

  test("passes by what is paused or unsubscribed", async () => {
    const [paused, ended] = [await subscribe(), await subscribe()];
    await publish();
    await rows("update posthorn.webhooks set paused = true where id = $1", [paused]);
    await rows("update posthorn.webhooks set status = 'Unsubscribed' where id = $1", [ended]);
    expect(await claim()).toEqual([]);
  });
});

describe("a lease that ran out", () => {
  test("lets the delivery be claimed again under a new fence, and counts as a crash", async () => {
    await subscribe();
    await publish();
    const first = await claimOne();
    expect(first.crashes).toBe(0);
    await endLeases();
    const second = await claimOne();
    expect(second).toMatchObject({ id: first.id, fence: first.fence + 1, crashes: 1 });
    await endLeases();
    expect(await claimOne()).toMatchObject({
      fence: first.fence + 2,
      crashes: 2,
      attempts_made: 0,
    });
  });

  test("is forgotten once an attempt is written down", async () => {
    await subscribe();
    await publish();
    await claimOne();
    await endLeases();
    await settle(connection.pool, [settlement(await claimOne(), "retry")]);
    await rows("update posthorn.deliveries set state = 0, due_at = now()");
    expect(await claimOne()).toMatchObject({ crashes: 0, attempts_made: 1 });
  });

  test.each(["delivered", "dead", "retry"] as const)(
    "leaves a late settle (%s) nothing to change: the new owner's word counts, and both attempts are on record",
    async (verdict) => {
      await subscribe();
      await publish();
      const late = await claimOne();
      await endLeases();
      const owner = await claimOne();
      const before = await pending();
      await settle(connection.pool, [settlement(late, verdict, "late")]);
      expect(await pending()).toEqual(before);
      expect(await finished(late)).toEqual([]);

      await settle(connection.pool, [settlement(owner, "delivered", "owner")]);
      expect(await pending()).toEqual([]);
      expect(await finished(owner)).toEqual([{ status: "delivered", attempts_made: 1 }]);
      expect(await attempts(owner)).toEqual([
        { number: 1, worker: "late" },
        { number: 1, worker: "owner" },
      ]);
    },
  );

  test.each(["delivered", "dead", "retry"] as const)(
    "leaves a late settle (%s) nothing to change after the delivery has ended either",
    async (verdict) => {
      await subscribe();
      await publish();
      const late = await claimOne();
      await endLeases();
      const owner = await claimOne();
      await settle(connection.pool, [settlement(owner, "dead")]);
      await settle(connection.pool, [settlement(late, verdict)]);
      expect(await pending()).toEqual([]);
      expect(await finished(owner)).toEqual([{ status: "dead", attempts_made: 1 }]);
    },
  );

  test("is not taken from the new owner by a late give-back", async () => {
    await subscribe();
    await publish();
    const late = await claimOne();
    await endLeases();
    await claimOne();
    await releaseClaimed(connection.pool, [late]);
    expect(await claim()).toEqual([]);
  });
});

test("a settle that is repeated because its answer was lost records the attempt once", async () => {
  await subscribe();
  await publish(1);
  const settlements = [settlement(await claimOne(), "delivered")];
  await settle(connection.pool, settlements);
  await settle(connection.pool, settlements);
  const { rows } = await connection.pool.query(
    "select from posthorn.attempts where delivery_id = $1",
    [settlements[0]?.delivery.id],
  );
  expect(rows).toHaveLength(1);
});

test("what is given back is due as before, under a new fence, and no crash", async () => {
  await subscribe();
  await publish();
  const first = await claimOne();
  await releaseClaimed(connection.pool, [first]);
  expect(await claimOne()).toMatchObject({ id: first.id, fence: first.fence + 1, crashes: 0 });
});
