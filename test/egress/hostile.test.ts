import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

import { expect, test } from "@jest/globals";
import pg from "pg";

import { sleep } from "../../src/kernel/clock.ts";
import { caller } from "../helpers/api.ts";
import { closing } from "../helpers/egress.ts";
import { startInbox } from "../helpers/inbox.ts";
import { ANSWERING, startReceiver, startRecorder, UNANSWERING } from "../helpers/receivers.ts";
import { startTestService } from "../helpers/service.ts";

const HOSTILE = 100;
const GROWTH_MAX = 150_000_000; // bytes
// Of a healthy receiver: 0.3 s were seen, for the flooding ones share this machine's processors with it. Behind the silent
// ones it would wait for as long as they do.
const SLOW_MS = 7_500; // they have eight seconds
const SLOW_DELIVERY_MS = 9_000; // they have ten
const HEALTHY_MIN = 20; // events published beside the hostile ones; those that are silent take ten seconds
const ALL_TRIED_MS = 80_000;
const PAUSE_MS = 20; // leaves the service the processor
const CHILD = fileURLToPath(new URL("../helpers/egress-child.ts", import.meta.url));

type Seen = {
  grownBytes: number;
  kinds: string[];
  count: number;
  healthyFailed: number;
  slowestMs: number;
};

test("a hundred hostile receivers at once cost less than 150 MB, and a healthy one feels nothing of them", async () => {
  const zoo = [...Object.values(ANSWERING), ...Object.values(UNANSWERING)];
  const receivers = await Promise.all(zoo.map(({ behave }) => startReceiver(behave)));
  const healthy = closing(await startRecorder());
  receivers.forEach(closing);
  const hostile = Array.from({ length: HOSTILE }, (_, i) => receivers[i % zoo.length]!.url);

  const args = ["--import", "tsx", CHILD, healthy.url, ...hostile];
  const { stdout } = await promisify(execFile)(process.execPath, args);
  const seen = JSON.parse(stdout) as Seen;
  const expected = Array.from({ length: HOSTILE }, (_, i) =>
    i % zoo.length < Object.keys(ANSWERING).length ? "answered" : "failed",
  );
  expect(seen.kinds).toEqual(expected);
  expect(seen.grownBytes).toBeLessThan(GROWTH_MAX);
  expect(seen.healthyFailed).toBe(0);
  expect(seen.count).toBeGreaterThan(10);
  expect(seen.slowestMs).toBeLessThan(SLOW_MS);
});

test("at default settings a hundred hostile webhooks each end as a recorded attempt, and a healthy one gets all of its events at once", async () => {
  const zoo = [...Object.values(ANSWERING), ...Object.values(UNANSWERING)];
  const receivers = await Promise.all(zoo.map(({ behave }) => startReceiver(behave)));
  const arrivedAt = new Map<string, number>();
  const healthy = await startInbox(({ headers }) => {
    arrivedAt.set(String(headers["webhook-id"]), performance.now());
    return {};
  });
  const service = await startTestService();
  closing({ close: () => service.stop() }); // before the receivers, so that nothing is cut off by the test itself
  closing(healthy);
  receivers.forEach(closing);
  const post = caller(service);
  const expected = new Map<string, number | string>();
  for (let n = 0; n < HOSTILE; n++) {
    const { url } = receivers[n % zoo.length]!;
    const { body } = await post("webhooks.subscribe", { url, channels: ["hostile"] }).expect(200);
    const kind = zoo[n % zoo.length]!;
    expected.set(body.id, "status" in kind ? kind.status : kind.reason);
  }
  await post("webhooks.subscribe", { url: healthy.url, channels: ["healthy"] }).expect(200);
  const publish = async (channel: string): Promise<string> => {
    const event = { type: "message.created", payload: {}, channel };
    return (await post("events.publish", event).expect(200)).body.id;
  };
  const sql = new pg.Client({ connectionString: service.databaseUrl });
  await sql.connect();

  await publish("hostile");
  const publishedAt = new Map<string, number>();
  const outcomes = async () => {
    const { rows } = await sql.query<{ webhook: string; outcome: number | string }>(
      `select webhook_id as webhook, case when status is null then to_json(reason) else to_json(status) end as outcome
       from posthorn.v_attempts where number = 1 and response_body is distinct from 'ok'`,
    );
    return new Map(rows.map(({ webhook, outcome }) => [webhook, outcome]));
  };
  const deadline = performance.now() + ALL_TRIED_MS;
  let seen = await outcomes();
  while (seen.size < HOSTILE && performance.now() < deadline) {
    publishedAt.set(await publish("healthy"), performance.now());
    seen = await outcomes();
    await sleep(PAUSE_MS);
  }
  await sql.end();
  expect(Object.fromEntries(seen)).toEqual(Object.fromEntries(expected));
  await healthy.arrived(publishedAt.size);
  const tookMs = [...publishedAt].map(([id, at]) => (arrivedAt.get(id) ?? Infinity) - at);
  expect(tookMs.length).toBeGreaterThan(HEALTHY_MIN);
  expect(Math.max(...tookMs)).toBeLessThan(SLOW_DELIVERY_MS);
});
