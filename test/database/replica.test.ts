// Lists and statistics from a standby that streams: what it answers, and what the primary does in its place.
import { afterAll, beforeAll, expect, test } from "@jest/globals";

import { createLog } from "../../src/kernel/log.ts";
import { OPERATIONS } from "../../src/rpc/router.ts";
import { caller, until, type Call } from "../helpers/api.ts";
import { databaseUrl } from "../helpers/database-url.ts";
import { createTestDatabase, testServerUrl } from "../helpers/database.ts";
import { query } from "../helpers/embedded.ts";
import { scrape, valueOf } from "../helpers/metrics.ts";
import { startPostgres, startStandby, type Postgres } from "../helpers/postgres.ts";
import { SECRETS_KEY, startTestService, type TestService } from "../helpers/service.ts";
import { typed } from "../helpers/terminal.ts";

type Line = { level: string; msg: string; err?: { message: string }; standby?: number };

let primary: Postgres;
let standby: Postgres;
let service: TestService; // reads from the standby
let other: TestService; // another process, which knows nothing of one
let post: Call;
let postToOther: Call;
let webhook: { id: string };
const lines: Line[] = [];
const log = createLog("info", { write: (line) => void lines.push(JSON.parse(line) as Line) });
const GONE = "can't be read from";
const BACK = "is read from again";
const told = (...texts: string[]) =>
  lines.filter(({ msg }) => texts.some((text) => msg.includes(text)));
/** That it goes is told once, and that it is back once; on a slow machine it may do so by itself, too. */
function expectOneLineEach(): void {
  const story = told(GONE, BACK).map(({ msg }) => (msg.includes(GONE) ? "gone" : "back"));
  expect(story.length).toBeGreaterThan(0);
  expect(story).toEqual(story.map((_, n) => (n % 2 === 0 ? "gone" : "back")));
}

beforeAll(async () => {
  primary = await startPostgres();
  standby = await startStandby(primary);
  other = await startTestService({ DATABASE_URL: primary.url }, { role: "api" });
  service = await startTestService(
    {
      DATABASE_URL: primary.url,
      DATABASE_READ_URL: standby.url,
      POSTHORN_ADMIN_KEY: other.adminKey,
    },
    { role: "api", log },
  );
  [post, postToOther] = [caller(service), caller(other)];
  webhook = (await post("webhooks.subscribe", { url: "http://127.0.0.1:9/" }).expect(200)).body;
});
afterAll(async () => {
  await service.stop();
  await other.stop();
  await standby.remove();
  await primary.remove();
});

const readsFrom = async (from: string) =>
  valueOf(await scrape(service, service.adminKey), "posthorn_reads_total", { from }) ?? 0;
const isInUse = async () =>
  valueOf(await scrape(service, service.adminKey), "posthorn_standby_in_use", { cell: "home" }) ===
  1;
const untilInUse = (wanted: boolean) => until(isInUse, (is) => is === wanted);
const publish = async (call: Call): Promise<string> =>
  (await call("events.publish", { type: "message.created", payload: 1 }).expect(200)).body.id;
const newest = async (): Promise<string> =>
  (await post("events.list", { page_size: 1 }).expect(200)).body.data[0].id;

test("every operation that may read from a standby is answered by it, and no other one", async () => {
  const event = await publish(post);
  const bodies: Record<string, object> = {
    "events.why_not": { id: event },
    "webhooks.history": { id: webhook.id },
    "stats.webhook": { id: webhook.id },
    "stats.webhooks": { ids: [webhook.id] },
    find: { q: event },
  };
  const marked = [...OPERATIONS].filter(([, { meta }]) => meta.reads === "standby");
  for (const [name] of marked) {
    await untilInUse(true);
    const before = await readsFrom("standby");
    await until(
      () =>
        post(name, bodies[name] ?? {})
          .expect(200)
          .then(() => readsFrom("standby")),
      (reads) => reads > before,
    );
  }
  expect(marked.map(([name]) => name).sort()).toEqual([
    "deliveries.list",
    "event_types.list",
    "events.list",
    "events.why_not",
    "find",
    "keys.list",
    "replays.list",
    "stats.overview",
    "stats.webhook",
    "stats.webhooks",
    "tenants.list",
    "webhooks.history",
    "webhooks.list",
  ]);
  const before = [await readsFrom("standby"), await readsFrom("primary")];
  await post("events.info", { id: event }).expect(200);
  expect([await readsFrom("standby"), await readsFrom("primary")]).toEqual(before);
});

test("a list shows what was committed before it was asked for, through whatever process", async () => {
  const before = await readsFrom("standby");
  let n = 0;
  const publishAndList = async () => {
    const id = await publish(n++ % 2 ? post : postToOther);
    expect(await newest()).toBe(id);
    return readsFrom("standby");
  };
  await until(publishAndList, (reads) => reads >= before + 10);
});

test("while the standby lags, lists come whole from the primary; it is told once that it does, and once that it is back", async () => {
  await untilInUse(true);
  lines.length = 0;
  await query(standby.url, "select pg_wal_replay_pause()");
  for (let n = 0; n < 5; n++) {
    const id = await publish(postToOther);
    expect(await newest()).toBe(id);
  }
  await untilInUse(false);
  await query(standby.url, "select pg_wal_replay_resume()");
  await untilInUse(true);
  expectOneLineEach();
  expect(told(GONE).map(({ err }) => err?.message)).toContainEqual(
    expect.stringMatching(/lacks \d+ bytes/),
  );
});

test("a standby that is away costs no caller an answer", async () => {
  await untilInUse(true);
  lines.length = 0;
  await standby.stop("immediate");
  const id = await publish(postToOther);
  const answers = await Promise.all(Array.from({ length: 10 }, () => newest()));
  expect(new Set(answers)).toEqual(new Set([id]));
  await untilInUse(false);
  await standby.start();
  await untilInUse(true);
  expectOneLineEach();
});

test("a start says how many connections the standby gets, beside the sum of POSTHORN_CONNECTIONS", async () => {
  const started: Line[] = [];
  const again = await startTestService(
    { DATABASE_URL: primary.url, DATABASE_READ_URL: standby.url, POSTHORN_CONNECTIONS: "6" },
    {
      role: "api",
      log: createLog("info", { write: (line) => void started.push(JSON.parse(line) as Line) }),
    },
  );
  await again.stop();
  const line = started.find(({ msg }) => msg.startsWith("connections to the database"));
  expect(line).toMatchObject({ sum: 6, publishing: 3, calls: 3, standby: 4 });
});

test("posthorn doctor tells what the standby is like", async () => {
  const env = {
    DATABASE_URL: primary.url,
    POSTHORN_SECRETS_KEY: SECRETS_KEY,
  };
  const look = async (url: string) => {
    const { out } = await typed(["doctor", "--json"], { env: { ...env, DATABASE_READ_URL: url } });
    const { findings } = JSON.parse(out) as { findings: { check: string; level: string }[] };
    return findings.find(({ check }) => check === "standby");
  };
  await until(
    () => look(standby.url),
    (finding) => finding?.level === "ok",
  );
  expect(await look(primary.url)).toMatchObject({ level: "warning" });
  expect(await look("postgres://nobody@127.0.0.1:1/none")).toMatchObject({ level: "warning" });
  expect(await look(testServerUrl())).toMatchObject({ level: "error" });
});

test("a read URL that leads to another database, or is set alone, stops the start in one line that names both settings", async () => {
  const own = await createTestDatabase();
  const start = (url: string) =>
    startTestService({ DATABASE_URL: primary.url, DATABASE_READ_URL: url }, { role: "api" });
  await expect(start(own.url)).rejects.toThrow(
    /^DATABASE_READ_URL: it leads to another database than DATABASE_URL;[^\n]*$/,
  );
  await expect(start(databaseUrl(standby.url, "template1"))).rejects.toThrow(
    /^DATABASE_READ_URL: it leads to another database than DATABASE_URL;[^\n]*$/,
  );
  await expect(start(databaseUrl(standby.url, "none"))).rejects.toThrow(
    /^DATABASE_READ_URL: [^\n]*"none" does not exist[^\n]*$/,
  );
  await own.drop();
});

test("a start waits for no standby that is away, and for none where the primary is all there is", async () => {
  for (const url of ["postgres://nobody@127.0.0.1:1/none", primary.url]) {
    const started: Line[] = [];
    const write = (line: string) => void started.push(JSON.parse(line) as Line);
    const again = await startTestService(
      {
        DATABASE_URL: primary.url,
        DATABASE_READ_URL: url,
        POSTHORN_ADMIN_KEY: service.adminKey,
      },
      { role: "api", log: createLog("info", { write }) },
    );
    await caller(again)("events.list", {}).expect(200);
    await again.stop();
    expect(started.filter(({ msg }) => msg.includes(GONE))).toHaveLength(1);
  }
});

test("webhooks are kept from the standby, as from the primary", async () => {
  const away = "127.0.0.1:1";
  const again = await startTestService(
    { DATABASE_URL: primary.url, DATABASE_READ_URL: `postgres://nobody@${away}/none` },
    { role: "api" },
  );
  const subscribe = (call: Call) => call("webhooks.subscribe", { url: `http://${away}/` });
  const { body } = await subscribe(caller(again)).expect(400);
  expect(body.message).toMatch(/^url: /);
  await subscribe(postToOther).expect(200);
  await again.stop();
});

test("a cell's lists come from its own standby, by POSTHORN_CELLS_READ", async () => {
  await query(primary.url, "create database us");
  const home = await createTestDatabase();
  const cells = await startTestService(
    {
      DATABASE_URL: home.url,
      POSTHORN_CELLS: `us=${databaseUrl(primary.url, "us")}`,
      POSTHORN_CELLS_READ: `us=${databaseUrl(standby.url, "us")}`,
      POSTHORN_DEFAULT_CELL: "us",
    },
    { role: "api" },
  );
  const call = caller(cells, { "X-Tenant": "over-there" });
  await publish(call);
  const inUse = async () => {
    const text = await scrape(cells, cells.adminKey);
    return ["home", "us"].map((cell) => valueOf(text, "posthorn_standby_in_use", { cell }));
  };
  await until(inUse, ([, us]) => us === 1);
  expect(await inUse()).toEqual([0, 1]);
  const reads = async () =>
    valueOf(await scrape(cells, cells.adminKey), "posthorn_reads_total", { from: "standby" }) ?? 0;
  await until(
    async () => {
      expect((await call("events.list").expect(200)).body.data).toHaveLength(1);
      return reads();
    },
    (count) => count > 0,
  );
  await cells.stop();
  await home.drop();
});

// The last one: what was a standby takes writes from here on.
test("a standby that is promoted is read from no more, and stops the next start", async () => {
  await untilInUse(true);
  await query(standby.url, "select pg_promote()");
  const id = await publish(postToOther);
  expect(await newest()).toBe(id);
  await untilInUse(false);
  const start = startTestService({ DATABASE_URL: primary.url, DATABASE_READ_URL: standby.url });
  await expect(start).rejects.toThrow(
    /^DATABASE_READ_URL: it leads to a copy of DATABASE_URL's database that takes writes of its own[^\n]*$/,
  );
});
