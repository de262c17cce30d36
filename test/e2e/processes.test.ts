// POSTHORN_PROCESSES: several processes of one command under a supervisor, and what is done to them.
import { expect, test } from "@jest/globals";
import pg from "pg";

import { caller, until, type Call } from "../helpers/api.ts";
import { ask } from "../helpers/ask.ts";
import { createTestDatabase, type TestDatabase } from "../helpers/database.ts";
import { startInbox, type Inbox } from "../helpers/inbox.ts";
import { scrape, valueOf } from "../helpers/metrics.ts";
import { afterwards, posthorn, readyPosthorn, type Running } from "../helpers/process.ts";
import { SECRETS_KEY } from "../helpers/service.ts";

type Several = Running & { url: string; adminKey: string; post: Call; database: TestDatabase };

/** Two processes that both serve, on a database of their own. */
async function startTwo(): Promise<Several> {
  const database = await createTestDatabase();
  afterwards(() => database.drop());
  const running = await readyPosthorn(["serve"], {
    DATABASE_URL: database.url,
    POSTHORN_SECRETS_KEY: SECRETS_KEY,
    POSTHORN_EGRESS_ALLOW: "127.0.0.0/8",
    POSTHORN_PROCESSES: "2",
  });
  const [, adminKey = ""] = /POSTHORN_KEY=(\S+)/.exec(await running.line(/POSTHORN_KEY=/)) ?? [];
  await serving(running, 2);
  const post = caller({ url: running.url, adminKey });
  return Object.assign(running, { adminKey, post, database });
}

const log = ({ stdout }: Running) =>
  stdout
    .split("\n")
    .filter((line) => line.startsWith("{"))
    .map((line) => JSON.parse(line) as Record<string, unknown>);

/** The processes that have served, once there are so many. */
async function serving(running: Running, count: number): Promise<number[]> {
  const pids = () =>
    log(running).flatMap(({ msg, process }) =>
      msg === "a process serves" ? [Number(process)] : [],
    );
  return until(
    () => Promise.resolve(pids()),
    (found) => found.length >= count,
  );
}

async function receiver(): Promise<Inbox> {
  const inbox = await startInbox();
  afterwards(() => inbox.close());
  return inbox;
}

const event = (payload: number) => ({ type: "message.created", payload });

const attempted = async (database: TestDatabase) => {
  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  const { rows } = await client.query<{ status: string; attempts_made: number; n: number }>(
    `select status, attempts_made, count(*)::integer as n from posthorn.v_deliveries group by 1, 2 order by 1, 2`,
  );
  await client.end();
  return rows;
};

test("two processes serve under one supervisor: their metrics are one sum, one that is killed is replaced, SIGTERM drains both", async () => {
  const several = await startTwo();
  const { post, adminKey, database } = several;
  const lines = log(several);
  expect(lines.filter(({ msg }) => msg === "ready")).toEqual([
    expect.objectContaining({ pid: several.pid, url: several.url, processes: 2 }),
  ]);
  expect(lines.find(({ ofAllProcesses }) => ofAllProcesses !== undefined)).toMatchObject({
    sum: 16,
    ofAllProcesses: 32,
  });
  expect(lines.every(({ pid }) => typeof pid === "number")).toBe(true);
  expect(several.stderr.match(/phk_admin_\S+/g)).toHaveLength(1);

  const inbox = await receiver();
  await post("webhooks.subscribe", { url: inbox.url, preset: "aimessage" }).expect(200);
  for (let n = 0; n < 20; n++) await post("events.publish", event(n)).expect(200);
  await inbox.arrived(20);
  const published = (text: string) =>
    valueOf(text, "posthorn_events_published_total", { cell: "home", door: "http" });
  // One that is too busy to answer in time is not in the sum, which is then asked for again.
  const scraped = () =>
    until(
      () => scrape(several, adminKey),
      (text) => valueOf(text, "posthorn_processes") === 2,
    );
  const before = await scraped();
  expect(published(before)).toBe(20);
  expect(valueOf(before, "posthorn_request_slots")).toBe(512);

  // One is killed while it publishes and delivers: who asked it asks again, as after any connection that broke.
  const [first = 0] = await serving(several, 2);
  let killed = false;
  for (let n = 20; n < 60; n++) {
    if (n === 30) killed = process.kill(first, "SIGKILL");
    const key = { ...event(n), idempotency_key: String(n) };
    const answer = () => post("events.publish", key).catch(() => undefined);
    await until(answer, (found) => found?.status === 200);
  }
  expect(killed).toBe(true);
  const pids = await serving(several, 3);
  expect(new Set([several.pid, ...pids]).size).toBe(4);
  const payloads = () => Promise.resolve(new Set(inbox.requests.map(({ body }) => body)).size);
  await until(payloads, (count) => count === 60);
  // What the killed one had under way came, but nobody wrote it down: it comes again when its lease is free.
  await until(
    () => attempted(database),
    (rows) => rows.every(({ status }) => status === "delivered"),
  );
  const after = await scraped();
  expect(published(after)).toBeGreaterThanOrEqual(20); // a sum never falls
  expect(valueOf(after, "posthorn_process_restarts_total")).toBe(1);

  // What is in flight when they are told to end is finished.
  const count = inbox.requests.length;
  let answer = () => {};
  const held = new Promise<void>((resolve) => (answer = resolve));
  inbox.reply = () => ({ until: held });
  await post("events.publish", event(60)).expect(200);
  await inbox.arrived(count + 1);
  const ended = several.stop();
  await several.line(new RegExp(`"pid":${several.pid}.*"stopping"`));
  answer();
  expect(await ended).toEqual({ code: 0, signal: null });
  const rows = await attempted(database);
  expect(rows.filter(({ status }) => status !== "delivered")).toEqual([]);
  expect(rows.reduce((sum, { n }) => sum + n, 0)).toBe(61);
}, 400_000);

test("processes whose supervisor is killed finish what they have in flight, and leave no orphan", async () => {
  const several = await startTwo();
  const inbox = await receiver();
  let answer = () => {};
  const held = new Promise<void>((resolve) => (answer = resolve));
  inbox.reply = () => ({ until: held });
  await several.post("webhooks.subscribe", { url: inbox.url, preset: "aimessage" }).expect(200);
  await several.post("events.publish", event(1)).expect(200);
  await inbox.arrived(1);
  several.kill("SIGKILL");
  for (const pid of await serving(several, 2))
    await several.line(new RegExp(`"pid":${pid},.*"stopping"`));
  answer();
  await several.exited; // once nobody has its output any more
  expect(await attempted(several.database)).toEqual([
    { status: "delivered", attempts_made: 1, n: 1 },
  ]);
});

test("where no process is left, all are started again and the service is ready as before", async () => {
  const several = await startTwo();
  for (const pid of await serving(several, 2)) process.kill(pid, "SIGKILL");
  await serving(several, 4);
  // With PORT=0 it may be another port, since nobody had the old one.
  const readyz = async () => {
    const { url } = log(several).findLast(({ msg }) => msg === "ready") as { url: string };
    return (await ask(`${url}/readyz`).catch(() => undefined))?.status;
  };
  await until(readyz, (status) => status === 200);
  expect(await several.stop()).toEqual({ code: 0, signal: null });
});

test("more connections than the server lets in for all processes together stop the start with one line, said once", async () => {
  const database = await createTestDatabase();
  afterwards(() => database.drop());
  const running = await posthorn(["worker"], {
    DATABASE_URL: database.url,
    POSTHORN_SECRETS_KEY: SECRETS_KEY,
    POSTHORN_PROCESSES: "64",
  });
  expect(await running.exited).toEqual({ code: 1, signal: null });
  expect(running.stderr).toMatch(
    /^posthorn: DATABASE_URL: .* lets in \d+ connections, and 64 processes are to have 384 \(POSTHORN_PROCESSES, each with POSTHORN_CONNECTIONS\); .*\n$/,
  );
});
