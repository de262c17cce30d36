// What the claim keeps over all workers: one head a lane, sequences, rates, and slots.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "@jest/globals";

import { silentLog } from "../../src/kernel/log.ts";
import { type ClaimedDelivery } from "../../src/queue/claim.ts";
import { releaseClaimed } from "../../src/queue/release.ts";
import { connect, type Connection } from "../../src/database/connect.ts";
import { park, unpark, unparkAfterBackoff } from "../../src/queue/hold.ts";
import { advanceFreed, advanceSome, FIRST_LANE, type LaneCursor } from "../../src/queue/lanes.ts";
import { caller, until, type Call } from "../helpers/api.ts";
import { claim as claimWith } from "../helpers/claims.ts";
import { fill } from "../helpers/database.ts";
import { startTestService, type TestService } from "../helpers/service.ts";

let service: TestService; // an api alone: nothing moves but by the tests
let connection: Connection;
let post: Call;
let tenants = 0;

beforeAll(async () => {
  service = await startTestService({}, { role: "api" });
  connection = connect(service.databaseUrl, {
    name: "lanes",
    max: 8,
    log: silentLog,
    plans: "pinned once",
  });
});
afterAll(async () => {
  await connection.close();
  await service.stop();
});
beforeEach(() => {
  post = caller(service, { "X-Tenant": `tenant-${++tenants}` });
});
afterEach(() => clear());

const rows = async (statement: string, values: unknown[] = []) =>
  (await connection.pool.query(statement, values)).rows;
const clear = () => fill(service.databaseUrl, "delete from posthorn.deliveries");
const subscribe = async (settings: object = {}): Promise<string> =>
  (await post("webhooks.subscribe", { url: "https://example.com/", ...settings }).expect(200)).body
    .id;
const publish = async (...channels: (string | null)[]): Promise<string[]> => {
  const events = channels.map((channel) => ({
    type: "message.created",
    payload: 1,
    ...(channel !== null && { channel }),
  }));
  const { body } = await post("events.publish_many", { events }).expect(200);
  return body.data.map(({ id }: { id: string }) => id);
};
const claim = async (limits: Parameters<typeof claimWith>[1] = {}) =>
  (await claimWith(connection.pool, limits)).deliveries;
const advance = () => advanceSome(connection.pool, FIRST_LANE);
/** Looks at every lane once; answers how many looks that took. */
const advanceAll = async (): Promise<number> => {
  let after: LaneCursor | null = FIRST_LANE;
  for (let looks = 1; ; looks++) {
    ({ cutAfter: after } = await advanceSome(connection.pool, after));
    if (after === null) return looks;
  }
};
const eventOf = ({ event_id }: ClaimedDelivery) => `evt_${event_id.replaceAll("-", "")}`;
/** What a settle does to a delivery that has come to its end. */
const finish = async (delivery: ClaimedDelivery) => {
  await rows("delete from posthorn.deliveries where id = $1", [delivery.id]);
  await advanceFreed(connection.pool, [
    { webhook_id: delivery.webhook_id, lane: delivery.lane ?? -1 },
  ]);
};
const takeAll = async (): Promise<string[]> => {
  const taken: string[] = [];
  for (;;) {
    await advance();
    const [delivery, ...more] = await claim();
    if (!delivery) return taken;
    expect(more).toEqual([]);
    taken.push(eventOf(delivery));
    await finish(delivery);
  }
};

describe("an ordered webhook", () => {
  test("gives out one delivery at a time, in the order of publish", async () => {
    await subscribe({ order: "webhook" });
    const published = await publish("a", "b", null, "a", "b");
    expect(await takeAll()).toEqual(published);
  });

  test("by channel gives out one of each channel, and events without one are a channel of their own", async () => {
    await subscribe({ order: "channel" });
    const [a1, , b1, none1] = await publish("a", "a", "b", null, null, "b");
    await advance();
    const heads = await claim();
    expect(new Set(heads.map(eventOf))).toEqual(new Set([a1, b1, none1]));
    expect(await advance()).toMatchObject({ advanced: 0 });
    for (const head of heads) await finish(head);
    expect(await claim()).toHaveLength(3);
  });

  test("whose head waits for its retry gives out nothing of that lane", async () => {
    await subscribe({ order: "channel" });
    const [, , b1] = await publish("a", "a", "b");
    await advance();
    const heads = await claim();
    const a = heads.find((head) => eventOf(head) !== b1) as ClaimedDelivery;
    await rows(
      "update posthorn.deliveries set state = 1, locked_until = null, due_at = now() + interval '1 hour' where id = $1",
      [a.id],
    );
    await finish(heads.find((head) => eventOf(head) === b1) as ClaimedDelivery);
    await advance();
    expect(await claim()).toEqual([]);
  });

  test("gives a publish that commits late before those that were published after it", async () => {
    await subscribe({ order: "webhook" });
    const late = await connection.pool.connect();
    await late.query("begin");
    const { rows: published } = await late.query(
      "select posthorn.publish('message.created', '2', tenant => $1) as id",
      [`tenant-${tenants}`],
    );
    const [second, third] = await publish("a", "a");
    await advance();
    const [head] = (await claim()) as [ClaimedDelivery];
    expect(eventOf(head)).toBe(second);
    await late.query("commit");
    late.release();
    await finish(head);
    expect(await takeAll()).toEqual([published[0].id, third]);
  });

  test("is advanced by many at once to one head a lane", async () => {
    await subscribe({ order: "channel" });
    await publish(...Array.from({ length: 300 }, (_, n) => `channel ${n % 100}`));
    for (let round = 1; round <= 3; round++) {
      for (let looks = 0; looks < 3; looks++)
        await Promise.all(Array.from({ length: 6 }, (_, n) => looks + n).map(advance));
      await advanceAll();
      const heads = (await Promise.all([claim(), claim(), claim()])).flat();
      expect(new Set(heads.map(({ lane }) => lane)).size).toBe(100);
      expect(heads).toHaveLength(100);
      for (const head of heads)
        await rows("delete from posthorn.deliveries where id = $1", [head.id]);
    }
    expect(await rows("select from posthorn.deliveries")).toEqual([]);
  });

  test("has its first delivery made ready in two looks beside 1,500 lanes that wait behind failing heads", async () => {
    await rows(
      `with made as (
         insert into posthorn.webhooks
           (tenant, id, status, url, preset, events, channels, delivery_order, created_at, updated_at)
         select $1, gen_random_uuid(), 'Subscribed', 'https://example.com/', 'airy', '{}', '{}', 'webhook', now(), now()
         from generate_series(1, 1500) returning webhook_id
       ), state as (insert into posthorn.webhook_states (webhook_id) select webhook_id from made)
       insert into posthorn.routes select $1, '*', 'down', webhook_id from made`,
      [`tenant-${tenants}`],
    );
    await rows(
      `insert into posthorn.deliveries
         (state, lane, payload_bytes, id, event_id, webhook_id, due_at, created_at, tenant, cause)
       select state, 0, 1, gen_random_uuid(), gen_random_uuid(), webhook_id, now() + interval '1 hour', now(), $1, 'publish'
       from posthorn.routes, unnest('{1,3}'::smallint[]) as state where tenant = $1`,
      [`tenant-${tenants}`],
    );
    await subscribe({ order: "webhook", channels: ["well"] });
    const [first] = await publish("well");
    expect(await advanceAll()).toBe(2);
    expect((await claim()).map(eventOf)).toEqual([first]);
  });

  test("has the database itself refuse a second head of a lane", async () => {
    await subscribe({ order: "webhook" });
    await publish("a", "b");
    await advance();
    await expect(rows("update posthorn.deliveries set state = 0")).rejects.toThrow(
      /deliveries_head/,
    );
  });

  test("that is held and released goes on in order", async () => {
    const id = await subscribe({ order: "webhook" });
    const before = await publish("a", "b", "c");
    await advance();
    await post("webhooks.update", { id, paused: true }).expect(200);
    await park(connection.pool);
    expect(await rows("select distinct state from posthorn.deliveries")).toEqual([{ state: 2 }]);
    const after = await publish("d");
    await post("webhooks.update", { id, paused: false }).expect(200);
    await unpark(connection.pool);
    expect(await takeAll()).toEqual([...before, ...after]);
  });

  test("lets nothing new go before what is still on its way out of a hold", async () => {
    const id = await subscribe({ order: "webhook" });
    await post("webhooks.update", { id, paused: true }).expect(200);
    const held = await publish("a", "b");
    await rows("update posthorn.webhooks set paused = false where id = $1", [id]); // and nothing released yet
    const [fresh] = await publish("c");
    expect(await advance()).toMatchObject({ advanced: 0 });
    await unpark(connection.pool);
    expect(await takeAll()).toEqual([...held, fresh]);
  });

  test.each([
    ["none", "webhook"],
    ["none", "channel"],
    ["channel", "webhook"],
    ["webhook", "channel"],
  ])("that was %s and is now %s has what was queued before in its lanes", async (from, to) => {
    const id = await subscribe({ order: from });
    const published = await publish("a", "b", "a");
    await advance();
    await post("webhooks.update", { id, order: to }).expect(200);
    await advance();
    const heads = await claim();
    expect(new Set(heads.map(eventOf))).toEqual(
      new Set(to === "webhook" ? published.slice(0, 1) : published.slice(0, 2)),
    );
  });

  test("whose order is taken away gives out all at once", async () => {
    const id = await subscribe({ order: "webhook" });
    await publish("a", "b", "c");
    await advance();
    await post("webhooks.update", { id, order: "none" }).expect(200);
    expect(await claim()).toHaveLength(3);
  });
});

describe("a sequence", () => {
  test("counts each webhook's deliveries from 1, without a gap, over claims of several workers", async () => {
    await subscribe();
    await subscribe();
    await publish(...Array.from({ length: 60 }, () => "a"));
    const claims: ClaimedDelivery[] = [];
    while (claims.length < 120)
      for (const some of await Promise.all(
        [1, 2, 3].map((n) => claim({ limit: 20 + n, each: 7 + n })),
      ))
        claims.push(...some);
    for (const id of new Set(claims.map(({ webhook_id }) => webhook_id)))
      expect(
        claims
          .filter(({ webhook_id }) => webhook_id === id)
          .map(({ sequence }) => sequence)
          .sort((a, b) => a - b),
      ).toEqual(Array.from({ length: 60 }, (_, n) => n + 1));
  });

  test("is stored before the claim answers, and the same in every later claim", async () => {
    await subscribe();
    await publish("a", "a", "a");
    const first = await claim();
    expect(first.map(({ sequence }) => sequence)).toEqual([1, 2, 3]);
    expect(await rows("select sequence from posthorn.deliveries order by id")).toEqual(
      first.map(({ sequence }) => ({ sequence })),
    );
    await releaseClaimed(connection.pool, first);
    await publish("a");
    const again = await claim();
    expect(again.map(({ id, sequence }) => [id, sequence]).slice(0, 3)).toEqual(
      first.map(({ id, sequence }) => [id, sequence]),
    );
    expect(again[3]?.sequence).toBe(4);
  });

  test("has no gap where a retry makes a delivery due that a slow claim is on its way to", async () => {
    // Once more where the claim is over before it was seen to be under way.
    await until(retryMeanwhile, (wasUnderWay) => wasUnderWay);
  });

  async function retryMeanwhile(): Promise<boolean> {
    post = caller(service, { "X-Tenant": `tenant-${++tenants}` });
    await clear();
    await subscribe();
    await subscribe();
    await publish("a");
    const [slow] = await rows(
      `delete from posthorn.deliveries
       where webhook_id = (select min(webhook_id) from posthorn.deliveries) returning webhook_id`,
    );
    const [{ id }] = await rows(
      `update posthorn.deliveries set due_at = now() + interval '1 day', cause = 'replay'
       returning posthorn.public_id('dlv', id) as id`,
    );
    // The claim comes by these first, and all are somebody else's.
    await fill(
      service.databaseUrl,
      `insert into posthorn.deliveries
         (state, payload_bytes, id, event_id, webhook_id, due_at, locked_until, created_at, tenant, cause)
       select 0, 1, gen_random_uuid(), gen_random_uuid(), $2, now(), now() + interval '1 hour', now(), $1, 'publish'
       from generate_series(1, 150000)`,
      [`tenant-${tenants}`, slow.webhook_id],
    );
    let isOver = false;
    const claiming = claim().finally(() => (isOver = true));
    const seen = await until(
      () =>
        rows(
          `select from pg_stat_activity where datname = current_database() and state = 'active'
             and query like '%with recursive scan%' and pid <> pg_backend_pid()`,
        ),
      ({ length }) => length > 0 || isOver,
    );
    await post("deliveries.retry", { id }).expect(200);
    const claims = [...(await claiming), ...(await claim())];
    expect(claims.map(({ sequence }) => sequence)).toEqual([1]);
    return seen.length > 0;
  }
});

describe("a rate limit", () => {
  test.each([1, 40, 400])(
    "of %i a second holds over three workers, in every span of time",
    async (rate) => {
      await subscribe({ rate_limit_per_s: rate });
      await publish(...Array.from({ length: 1_000 }, () => "a"));
      const times: number[] = [];
      const looks: number[] = [];
      const worker = async () => {
        for (let n = 0; n < 80; n++) {
          const { deliveries, clock } = await claimWith(connection.pool);
          const at = clock.getTime() / 1_000;
          looks.push(at);
          times.push(...deliveries.map(() => at));
        }
      };
      await Promise.all([worker(), worker(), worker()]);
      times.sort((a, b) => a - b);
      const pace = rate > 2 ? rate : rate / 1.05; // of few, one more is over 5 %
      const burst = Math.max(0, Math.min(0.25, 0.5 - 1 / pace)) * pace + 1.01;
      const span = (from: number, to: number) => (times[to] ?? 0) - (times[from] ?? 0);
      for (let i = 0; i < times.length; i++)
        for (let j = i; j < times.length; j++)
          expect(j - i + 1).toBeLessThanOrEqual(pace * (span(i, j) + 0.001) + burst);
      // Of the time in which somebody looked: what nobody asks for while the machine is at something else is gone.
      const [first = 0, last = 0] = [times[0], times.at(-1)];
      const looked = looks.filter((at) => at >= first && at <= last).sort((a, b) => a - b);
      const lookedS = looked
        .slice(1)
        .reduce((sum, at, n) => sum + Math.min(0.1, at - (looked[n] ?? at)), 0);
      expect(times.length).toBeGreaterThanOrEqual(0.5 * pace * lookedS);
    },
  );

  test.each([1e-13, 1e-308, Number.MIN_VALUE])(
    "of %p a second takes nothing from others, and ends when it is raised",
    async (rate) => {
      const slow = await subscribe({ rate_limit_per_s: rate });
      const other = await subscribe();
      await publish("a", "a");
      expect(await claim()).toHaveLength(3);
      await publish("a");
      expect(await claim()).toHaveLength(1);
      await post("webhooks.update", { id: slow, rate_limit_per_s: 100 });
      const left = await claim();
      expect(left).toHaveLength(2);
      expect(new Set([slow, other]).size).toBe(2);
    },
  );

  test("takes nothing from other webhooks, and says what its deliveries wait for", async () => {
    const slow = await subscribe({ rate_limit_per_s: 0.01 });
    await subscribe();
    await publish("a", "a");
    expect(await claim()).toHaveLength(3);
    expect(await claim()).toEqual([]);
    const { body } = await post("deliveries.list", { webhook_id: slow });
    expect(
      body.data.map(({ waiting_for }: { waiting_for: string | null }) => waiting_for).sort(),
    ).toEqual([null, "rate"]);
  });
});

describe("a claim", () => {
  test("of 50 reaches the first row of another webhook past 20,000 rows of one", async () => {
    const [a, b] = [await subscribe({ channels: ["a"] }), await subscribe({ channels: ["b"] })];
    for (let n = 0; n < 20; n++) await publish(...Array.from({ length: 1_000 }, () => "a"));
    const [last] = await publish("b");
    const taken = await claim({ limit: 50, each: 16 });
    expect(taken).toHaveLength(17);
    expect(taken.map(eventOf)).toContain(last);
    expect(new Set([a, b]).size).toBe(2);
  });

  test("goes round all webhooks though a thousand full ones are passed by on the way", async () => {
    await rows(
      `with made as (
         insert into posthorn.webhooks (tenant, id, status, url, preset, events, channels, created_at, updated_at)
         select $1, gen_random_uuid(), 'Subscribed', 'https://example.com/', 'airy', '{}', '{}', now(), now()
         from generate_series(1, 1000) returning webhook_id
       ), state as (insert into posthorn.webhook_states (webhook_id) select webhook_id from made)
       insert into posthorn.routes select $1, '*', '', webhook_id from made`,
      [`tenant-${tenants}`],
    );
    await publish("a");
    const all = await rows("select distinct webhook_id from posthorn.deliveries order by 1");
    const wanted = all.at(-1).webhook_id as number;
    const slots = Object.fromEntries(
      all.map(({ webhook_id: id }) => [id, id === wanted ? [1, 1] : [0, 0]]),
    );
    let claims = 0;
    for (let after = 0; ; claims++) {
      const { deliveries, cutAfter } = await claimWith(connection.pool, {
        limit: 10,
        slots,
        afterWebhook: after,
      });
      if (deliveries.length > 0) {
        expect(deliveries.map(({ webhook_id }) => webhook_id)).toEqual([wanted]);
        break;
      }
      expect(cutAfter).not.toBeNull();
      after = cutAfter ?? 0;
    }
    expect(claims).toBeLessThanOrEqual(4);
  });

  test("leaves what has no slot to wait for the cap, and says so while the first is in flight", async () => {
    const webhook = await subscribe();
    await publish("a", "a");
    const waiting = async () =>
      (await post("deliveries.list", { webhook_id: webhook })).body.data.map(
        ({ waiting_for }: { waiting_for: string | null }) => waiting_for,
      );
    expect(await waiting()).toEqual([null, null]);
    const [first] = (await claim({ each: 1 })) as [ClaimedDelivery];
    expect(await waiting()).toEqual(["cap", null]);
    await finish(first);
    expect(await waiting()).toEqual([null]);
  });

  test("takes no more rows of unproven webhooks than it may, and all that is left of proven ones", async () => {
    for (let n = 0; n < 6; n++) await subscribe();
    await publish("a", "a");
    await rows(
      `update posthorn.webhook_states as s set proven = w.place % 2 = 0
       from (select webhook_id, row_number() over () as place from posthorn.webhooks where tenant = $1) as w
       where s.webhook_id = w.webhook_id`,
      [`tenant-${tenants}`],
    );
    const taken = await claim({ otherSlots: { proven: 2, unproven: 1 }, unprovenMax: 2 });
    expect(taken.filter(({ proven }) => proven)).toHaveLength(6);
    expect(taken.filter(({ proven }) => !proven)).toHaveLength(2);
    expect(await claim({ otherSlots: { proven: 2, unproven: 1 }, unprovenMax: 0 })).toHaveLength(0);
  });
});

test("a webhook that asked to be left alone has its ready rows put aside until then, and no longer", async () => {
  await subscribe();
  await publish("a", "a");
  await rows(
    `update posthorn.webhook_states set not_before = now() + interval '1 hour'
     where webhook_id in (select webhook_id from posthorn.webhooks where tenant = $1)`,
    [`tenant-${tenants}`],
  );
  expect(await claim()).toEqual([]);
  expect(await park(connection.pool)).toBe(2);
  expect(await unpark(connection.pool)).toBe(0);
  await rows("update posthorn.webhook_states set not_before = now() where not_before is not null");
  expect(await unparkAfterBackoff(connection.pool)).toBe(2);
  expect(await claim()).toHaveLength(2);
});
