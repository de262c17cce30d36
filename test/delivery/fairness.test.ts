// What one receiver does is not felt by the others, and one that comes back is not met by all at once.
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "@jest/globals";

import { caller, until, type Call } from "../helpers/api.ts";
import { startInbox, type Inbox } from "../helpers/inbox.ts";
import { startTestService, type TestService } from "../helpers/service.ts";

let service: TestService;
let post: Call;
let inbox: Inbox;
let tenants = 0;

beforeAll(async () => {
  service = await startTestService({ POSTHORN_CONCURRENCY: "16" });
});
afterAll(() => service.stop());
beforeEach(async () => {
  post = caller(service, { "X-Tenant": `tenant-${++tenants}` });
  inbox = await startInbox();
});
afterEach(async () => {
  for (const { id } of (await post("webhooks.list", { page_size: 200 })).body.data)
    await post("webhooks.delete", { id }).expect(200);
  await inbox.close();
});

const subscribe = async (path: string, settings: object = {}): Promise<string> =>
  (
    await post("webhooks.subscribe", {
      url: `${inbox.url}/${path}`,
      channels: [path],
      retry_schedule_s: [1, 1, 1],
      ...settings,
    }).expect(200)
  ).body.id;
const publish = (channel: string, count: number) =>
  post("events.publish_many", {
    events: Array.from({ length: count }, (_, n) => ({
      type: "message.created",
      payload: { n },
      channel,
    })),
  }).expect(200);
const at = (path: string) => inbox.requests.filter((request) => request.path.endsWith(`/${path}`));
const arrived = (path: string, count: number) =>
  until(
    () => Promise.resolve(at(path).length),
    (have) => have >= count,
  );

test("webhooks that give no answer, more than the worker has slots, leave the others theirs", async () => {
  const hanging = Array.from({ length: 20 }, (_, n) => `hanging-${n}`);
  let giveUp = () => {};
  const hang = new Promise<void>((resolve) => (giveUp = resolve));
  inbox.reply = ({ path }) => (path.includes("hanging") ? { until: hang } : {});
  for (const path of [...hanging, "healthy"]) await subscribe(path, { timeout_ms: 30_000 });
  await publish("healthy", 1);
  await arrived("healthy", 1); // from now on it has shown that it answers
  for (const path of hanging) await publish(path, 20);
  await until(
    () => Promise.resolve(inbox.requests.length),
    (have) => have === 1 + 4, // a quarter of the slots, for webhooks that have shown nothing yet
  );
  await publish("healthy", 200);
  await arrived("healthy", 201);
  expect(hanging.map((path) => at(path).length).sort()).toEqual([
    ...Array<number>(16).fill(0),
    ...Array<number>(4).fill(1),
  ]);
  giveUp();
});

test("a webhook that has answered and then hangs keeps the slots it had, and gets no more", async () => {
  let giveUp = () => {};
  const hang = new Promise<void>((resolve) => (giveUp = resolve));
  let isHanging = false;
  inbox.reply = ({ path }) => (isHanging && path.endsWith("/a") ? { until: hang } : {});
  for (const path of ["a", "b"]) {
    await subscribe(path, { timeout_ms: 30_000 });
    await publish(path, 1);
    await arrived(path, 1);
  }
  await until(
    async () => (await post("deliveries.list", { status: "pending" })).body.data.length,
    (pending) => pending === 0,
  );
  isHanging = true;
  await publish("a", 200);
  await publish("b", 200);
  await arrived("b", 201);
  expect(at("a").length).toBeLessThanOrEqual(1 + 2);
  giveUp();
});

test("what was held meets its receiver one at a time until the first success, then all of it arrives", async () => {
  const id = await subscribe("held");
  await subscribe("other");
  await publish("held", 1);
  await arrived("held", 1);
  await post("webhooks.update", { id, paused: true }).expect(200);
  await publish("held", 60);
  let open = () => {};
  const gate = new Promise<void>((resolve) => (open = resolve));
  inbox.reply = ({ path }) => (path.endsWith("/held") ? { until: gate } : {});
  await post("webhooks.update", { id, paused: false }).expect(200);
  await arrived("held", 2);
  await publish("other", 100); // many claims
  await arrived("other", 100);
  expect(at("held")).toHaveLength(2);
  open();
  await arrived("held", 61);
  expect(new Set(at("held").map(({ headers }) => headers["webhook-id"])).size).toBe(61);
});

test("many workers never have two deliveries of a lane under way, and each lane arrives in order, failures and all", async () => {
  const others = await Promise.all(
    [1, 2].map(() => startTestService({ DATABASE_URL: service.databaseUrl }, { role: "worker" })),
  );
  const channels = ["a", "b", "c", "d"];
  const underWay = new Map<string, number>();
  let together = 0;
  const failed = new Set<string>();
  const arrivals = new Map<string, number[]>(channels.map((channel) => [channel, []]));
  inbox.reply = ({ body }) => {
    const { channel, n } = (JSON.parse(body) as { payload: { channel: string; n: number } })
      .payload;
    const now = (underWay.get(channel) ?? 0) + 1;
    underWay.set(channel, now);
    together = Math.max(together, now);
    const key = `${channel} ${n}`;
    const fails = n % 7 === 3 && !failed.has(key);
    if (fails) failed.add(key);
    else arrivals.get(channel)?.push(n);
    const answered = new Promise<void>((resolve) =>
      setTimeout(() => {
        underWay.set(channel, (underWay.get(channel) ?? 1) - 1);
        resolve();
      }, 3),
    );
    return { status: fails ? 500 : 200, until: answered };
  };
  await subscribe("ordered", { channels: [], order: "channel" });
  const events = Array.from({ length: 80 }, (_, i) => ({
    type: "message.created",
    channel: channels[i % 4],
    payload: { channel: channels[i % 4], n: Math.floor(i / 4) },
  }));
  await post("events.publish_many", { events }).expect(200);
  await until(
    () => Promise.resolve([...arrivals.values()].flat().length),
    (count) => count === 80,
  );
  for (const service of others) await service.stop();
  expect(together).toBe(1);
  for (const lane of arrivals.values())
    expect(lane).toEqual(Array.from({ length: 20 }, (_, n) => n));
  expect(failed.size).toBe(4 * 3);
});
