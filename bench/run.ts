// npm run bench: what the service does a second, beside the limit of its HTTP client, in one run.
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";

import pg from "pg";

import { sleep } from "../src/kernel/clock.ts";
import { SECOND } from "../src/kernel/duration.ts";
import { silentLog } from "../src/kernel/log.ts";
import { startEmbedded } from "../src/store/embedded.ts";
import { cpuUs, message, ready, residentMb, start, startService, stop } from "./children.ts";
import { benchPresets } from "./presets.ts";
import { median, spread, table } from "./report.ts";

const DELIVERIES = 20_000;
const WEBHOOKS = 100;
const CONCURRENCY = 256; // the service's default
const ROUNDS = 3;
const IDLE_MS = 10 * SECOND;
const PAYLOAD = JSON.stringify({ text: "x".repeat(1_000) });
const ADMIN_KEY = "the-admin-key-of-the-bench";

const folder = mkdtempSync(join(tmpdir(), "posthorn-bench-"));
const database = await startEmbedded({ dataDir: folder, log: silentLog });
const env = {
  DATABASE_URL: database.url,
  PORT: "0",
  POSTHORN_ADMIN_KEY: ADMIN_KEY,
  POSTHORN_SECRETS_KEY: Buffer.alloc(32, 1).toString("base64"),
  POSTHORN_EGRESS_ALLOW: "127.0.0.0/8",
};
const sql = new pg.Client({ connectionString: database.url });
const receiver = start("receiver.ts");
const { port } = await message<{ port: number }>(receiver);
const hook = `http://127.0.0.1:${port}/`;

const results: [figure: string, values: number[], unit: string][] = [];
const note = (figure: string, value: number | null, unit: string) => {
  if (value === null) return;
  const row = results.find(([name]) => name === figure);
  if (row) row[1].push(value);
  else results.push([figure, [value], unit]);
};

async function post(
  url: string,
  operation: string,
  body: unknown,
  tenant = "default",
): Promise<Record<string, unknown>> {
  const answer = await fetch(`${url}/${operation}`, {
    method: "POST",
    headers: {
      authorization: `Bearer ${ADMIN_KEY}`,
      "content-type": "application/json",
      "x-tenant": tenant,
    },
    body: JSON.stringify(body),
  });
  if (!answer.ok) throw new Error(`${operation}: ${await answer.text()}`);
  return (await answer.json()) as Record<string, unknown>;
}

async function expectAt(count: number): Promise<() => Promise<{ at: number; requests: number }>> {
  receiver.send({ expect: count });
  await message(receiver);
  const arrived = message<{ at: number; requests: number }>(receiver);
  return () => arrived;
}

// As `npm start` does on a machine with nothing: a fresh data folder, and then the same one again.
async function benchStart(): Promise<void> {
  const dataDir = mkdtempSync(join(tmpdir(), "posthorn-bench-start-"));
  for (const figure of ["ready on a fresh data folder", "ready the second time"]) {
    const startedAt = performance.now();
    const service = startService("serve", { ...env, DATABASE_URL: "", POSTHORN_DATA_DIR: dataDir });
    await ready(service);
    note(figure, performance.now() - startedAt, "ms");
    await stop(service);
  }
  rmSync(dataDir, { recursive: true, force: true });
}

async function benchPublish(): Promise<void> {
  const api = startService("api", env);
  const url = await ready(api);
  const event = { type: "message.created", payload: JSON.parse(PAYLOAD) as unknown };
  const perSecond = async (clients: number, calls: number, call: () => Promise<unknown>) => {
    const startedAt = performance.now();
    await Promise.all(
      Array.from({ length: clients }, async () => {
        for (let n = 0; n < calls; n++) await call();
      }),
    );
    return (clients * calls) / ((performance.now() - startedAt) / 1_000);
  };
  await perSecond(10, 50, () => post(url, "events.publish", event)); // warm
  note(
    "publish, one at a time, 10 clients",
    await perSecond(10, 300, () => post(url, "events.publish", event)),
    "events/s",
  );
  const many = { events: Array.from({ length: 1_000 }, () => event) };
  note(
    "publish_many of 1,000",
    1_000 * (await perSecond(1, 8, () => post(url, "events.publish_many", many))),
    "events/s",
  );
  await stop(api);
}

// A backlog, then one worker: from its first claim until the last attempt is recorded.
async function benchDeliveries(): Promise<void> {
  await sql.query(
    "select posthorn.publish('message.created', $1::text, channel => (n % $3)::text, tenant => 'bench') from generate_series(1, $2::int) as n",
    [PAYLOAD, DELIVERIES, WEBHOOKS],
  );
  const arrived = await expectAt(DELIVERIES);
  const worker = startService("worker", env);
  await ready(worker);
  const { requests } = await arrived();
  for (let left = 1; left > 0;) {
    const { rows } = await sql.query<{ left: number }>(
      "select count(*)::int as left from posthorn.deliveries where tenant = 'bench'",
    );
    left = rows[0]?.left ?? 0;
  }
  const { rows } = await sql.query<{ seconds: number; recorded: number }>(
    `select extract(epoch from max(finished_at) - min(a.at))::float as seconds, count(*)::int as recorded
     from (select * from posthorn.finished_deliveries where tenant = 'bench' order by id desc limit $1) as f
     join posthorn.attempts as a on a.delivery_id = f.id`,
    [DELIVERIES],
  );
  if (requests !== DELIVERIES || rows[0]?.recorded !== DELIVERIES)
    throw new Error(
      `${requests} requests and ${rows[0]?.recorded} attempts for ${DELIVERIES} deliveries`,
    );
  const cpu = cpuUs(worker.pid);
  note("deliveries, one worker", DELIVERIES / rows[0].seconds, "deliveries/s");
  note(
    "CPU of the worker a delivery, its start included",
    cpu === null ? null : cpu / DELIVERIES,
    "µs",
  );
  await stop(worker);
}

async function benchLimit(): Promise<void> {
  const arrived = await expectAt(DELIVERIES);
  const limit = start("limit.ts", hook, String(DELIVERIES), String(CONCURRENCY), PAYLOAD);
  const { seconds, cpuUs: cpu } = await message<{ seconds: number; cpuUs: number }>(limit);
  await arrived();
  note("limit: the same client, no database", DELIVERIES / seconds, "deliveries/s");
  note("CPU of the limit a delivery", cpu, "µs");
}

async function benchLatency(): Promise<void> {
  const service = startService("serve", env);
  const url = await ready(service);
  await sleep(IDLE_MS); // what starting took has to be collected first
  note("memory of the idle service, without its database", residentMb(service.pid), "MB");
  const samples: number[] = [];
  const publish = () => post(url, "events.publish", { type: "message.created", payload: { n: 1 } });
  await post(url, "webhooks.subscribe", { url: hook, events: ["message.created"] });
  for (let n = 0; n < 220; n++) {
    const arrived = await expectAt(1);
    const at = Date.now();
    const published = publish();
    samples.push((await arrived()).at - at);
    await published;
  }
  samples.splice(0, 20); // warm
  samples.sort((a, b) => a - b);
  note("publish to receiver, idle service, median", median(samples), "ms");
  note(
    "publish to receiver, idle service, p99",
    samples[Math.floor(samples.length * 0.99)] ?? null,
    "ms",
  );
  await stop(service);
}

try {
  await sql.connect();
  for (let round = 0; round < ROUNDS; round++) await benchStart();
  await benchPublish();
  await benchLatency();
  await subscribeAll();
  for (let round = 0; round < ROUNDS; round++) {
    // In turn and in random order, so that the machine's moods meet both alike.
    const runs = [benchLimit, benchDeliveries];
    if (Math.random() < 0.5) runs.reverse();
    for (const run of runs) await run();
  }
  const of = (figure: string) => median(results.find(([name]) => name === figure)?.[1] ?? []);
  for (const [preset, rounds] of benchPresets())
    for (const us of rounds) note(`build + sign 1 KB, ${preset}`, us, "µs");
  note(
    "ratio: deliveries to the limit",
    of("deliveries, one worker") / of("limit: the same client, no database"),
    "",
  );
  console.log(
    `\n${cpus().length} × ${cpus()[0]?.model ?? "?"}, Node ${process.version}, PostgreSQL ${database.version}, commit ${commit()}`,
  );
  console.log(
    `${DELIVERIES} deliveries of 1 KB to ${WEBHOOKS} webhooks, ${CONCURRENCY} in flight, ${ROUNDS} rounds\n`,
  );
  console.log(
    table(
      ["figure", "min", "median", "max", ""],
      results.map(([name, values, unit]) => [name, ...spread(values), unit]),
    ),
  );
} finally {
  await sql.end();
  await stop(receiver);
  await database.stop();
  rmSync(folder, { recursive: true, force: true });
}

async function subscribeAll(): Promise<void> {
  const api = startService("api", env);
  const url = await ready(api);
  for (let n = 0; n < WEBHOOKS; n++)
    await post(
      url,
      "webhooks.subscribe",
      { url: hook, signature_key: "bench", channels: [String(n)] },
      "bench",
    );
  await stop(api);
}

function commit(): string {
  try {
    return execFileSync("git", ["rev-parse", "--short", "HEAD"]).toString().trim();
  } catch {
    return "unknown";
  }
}
