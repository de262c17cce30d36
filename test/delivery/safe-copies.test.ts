// A database that was copied calls nobody, and all sending can be stopped at once: nothing is lost, and each is said.
import { afterAll, beforeAll, beforeEach, expect, test } from "@jest/globals";
import pg from "pg";

import { createLog } from "../../src/kernel/log.ts";
import { caller, until, type Call } from "../helpers/api.ts";
import { createTestDatabase, type TestDatabase } from "../helpers/database.ts";
import { startInbox, type Inbox } from "../helpers/inbox.ts";
import { SECRETS_KEY, startTestService, type TestService } from "../helpers/service.ts";
import { typed } from "../helpers/terminal.ts";

let inbox: Inbox;
beforeAll(async () => {
  inbox = await startInbox();
});
afterAll(() => inbox.close());
beforeEach(() => void inbox.requests.splice(0));

const start = async (
  url: string,
  env: Record<string, string> = {},
  role: "serve" | "api" = "serve",
) => {
  const lines: { msg: string; hold?: string }[] = [];
  const write = (line: string) => void lines.push(JSON.parse(line));
  const log = createLog("info", { write });
  const service = await startTestService({ DATABASE_URL: url, ...env }, { role, log });
  return { ...service, lines, post: caller(service) };
};
type Started = TestService & { post: Call; lines: { msg: string; hold?: string }[] };

const posthorn = (url: string, args: string[], env: Record<string, string> = {}) =>
  typed(args, { env: { DATABASE_URL: url, POSTHORN_SECRETS_KEY: SECRETS_KEY, ...env } });
const publish = async ({ post }: Started, count: number): Promise<string[]> => {
  const events = Array.from({ length: count }, (_, n) => ({ type: "message.created", payload: n }));
  const { body } = await post("events.publish_many", { events }).expect(200);
  return body.data.map(({ id }: { id: string }) => id);
};
const scrape = async ({ url, adminKey }: TestService) => {
  const headers = { Authorization: `Bearer ${adminKey}` };
  return (await fetch(`${url}/metrics`, { headers })).text();
};
const countClaims = async (service: TestService) =>
  Number(/^posthorn_claim_duration_seconds_count (\d+)/m.exec(await scrape(service))?.[1]);
/** Until the service has looked for what is due a few times more: whatever it may send, it has begun to. */
const lookedAgain = async (service: TestService) => {
  const before = await countClaims(service);
  await until(
    () => countClaims(service),
    (claims) => claims >= before + 3,
  );
};
const held = async ({ post }: Started) =>
  (await post("session.info").expect(200)).body.sending_held as string | null;
const sentIds = () =>
  [...new Set(inbox.requests.map(({ headers }) => headers["webhook-id"]))].sort();

test("a copy under another name sends nothing, and says so everywhere, until it is adopted; then it sends all that it held", async () => {
  const original = await createTestDatabase();
  const production = await start(original.url, {}, "api");
  const { id } = (await production.post("webhooks.subscribe", { url: inbox.url }).expect(200)).body;
  const ids = await publish(production, 3);
  await production.stop();

  const copy = await createTestDatabase(new URL(original.url).pathname.slice(1));
  const staging = await start(copy.url);
  expect(await held(staging)).toBe("other_installation");
  expect(staging.lines).toContainEqual(
    expect.objectContaining({ level: "warn", hold: "other_installation" }),
  );
  ids.push(...(await publish(staging, 2)));
  await lookedAgain(staging);
  const refused = (await staging.post("webhooks.test", { id }).expect(409)).body;
  expect(refused).toMatchObject({ code: "sending_held" });
  expect(await scrape(staging)).toContain(
    `posthorn_sending_held{cell="home",reason="other_installation"} 1`,
  );
  const { out: told } = await posthorn(copy.url, ["doctor", "--json"]);
  expect(JSON.parse(told).findings).toContainEqual(
    expect.objectContaining({ check: "sending", level: "warning" }),
  );
  expect(inbox.requests).toEqual([]);

  const kept = await posthorn(copy.url, ["resume-all"]);
  expect([kept.code, kept.err]).toEqual([5, expect.stringContaining("resume-all --adopt")]);
  await lookedAgain(staging);
  expect(inbox.requests).toEqual([]);
  const adopted = await posthorn(copy.url, ["resume-all", "--adopt"]);
  expect([adopted.code, adopted.out]).toEqual([0, expect.stringContaining("Sending again")]);
  await inbox.arrived(ids.length);
  expect(sentIds()).toEqual(ids.sort());
  expect(await held(staging)).toBeNull();
  await until(
    () => Promise.resolve(staging.lines),
    (lines) => lines.some(({ msg }) => msg.startsWith("sending again")),
  );

  // The original is as it was.
  const again = await start(original.url);
  await inbox.arrived(ids.length + 3);
  expect(await held(again)).toBeNull();
  await Promise.all([staging.stop(), again.stop()]);
  await Promise.all([copy.drop(), original.drop()]);
});

test("a process under another name than the database's sends nothing, and holds nobody else up", async () => {
  const database = await createTestDatabase();
  const env = { POSTHORN_INSTALLATION: "production" };
  const own = await start(database.url, env);
  const other = await start(database.url, { POSTHORN_INSTALLATION: "a-laptop" });
  expect([await held(own), await held(other)]).toEqual([null, "other_installation"]);
  await own.post("webhooks.subscribe", { url: inbox.url }).expect(200);
  const ids = await publish(other, 5); // it publishes all the same
  await inbox.arrived(5);
  expect(sentIds()).toEqual(ids.sort());
  await own.stop();
  const later = await publish(other, 5);
  await lookedAgain(other);
  expect(inbox.requests).toHaveLength(5);
  const back = await start(database.url, env);
  await inbox.arrived(10);
  expect(sentIds()).toEqual([...ids, ...later].sort());
  await Promise.all([other.stop(), back.stop()]);
  await database.drop();
});

test("pause-all stops every process within a second while publishing goes on, and resume-all sends each event", async () => {
  const database: TestDatabase = await createTestDatabase();
  const one = await start(database.url);
  const two = await start(database.url);
  const { id } = (await one.post("webhooks.subscribe", { url: inbox.url }).expect(200)).body;
  const sql = new pg.Client({ connectionString: database.url });
  await sql.connect();
  const ids = await publish(one, 200);
  await inbox.arrived(1);
  const paused = await posthorn(database.url, ["pause-all"]);
  const [answered] = (await sql.query("select clock_timestamp() as at")).rows;
  expect([paused.code, paused.out]).toEqual([0, expect.stringContaining("All sending is paused")]);
  expect((await posthorn(database.url, ["pause-all"])).out).toContain("has been paused since");
  ids.push(...(await publish(two, 20)));
  await Promise.all([lookedAgain(one), lookedAgain(two)]);
  const waits = await until(
    async () =>
      (await one.post("deliveries.list", { event_id: ids.at(-1) }).expect(200)).body.data[0],
    ({ waiting_for }) => waiting_for === "paused",
  );
  expect(waits).toMatchObject({ status: "pending", next_attempt_at: null });
  const { rows } = await sql.query(
    "select distinct waiting_for from posthorn.v_deliveries where event_id = $1",
    [ids.at(-1)],
  );
  expect(rows).toEqual([{ waiting_for: "paused" }]);
  expect([await held(one), await held(two)]).toEqual(["paused", "paused"]);
  await one.post("webhooks.test", { id }).expect(409);
  expect((await scrape(one)) + (await scrape(two))).toContain(
    `posthorn_sending_held{cell="home",reason="paused"} 1`,
  );
  const { rows: late } = await sql.query(
    "select at from posthorn.v_attempts where at > $1::timestamptz + interval '1 second'",
    [answered.at],
  );
  await sql.end();
  expect(late).toEqual([]);
  expect(inbox.requests.length).toBeLessThan(ids.length);

  const resumed = await posthorn(database.url, ["resume-all", "--json"]);
  expect(JSON.parse(resumed.out)).toMatchObject({ held: null, was: "paused" });
  await inbox.arrived(ids.length);
  expect(sentIds()).toEqual(ids.sort());
  await Promise.all([one.stop(), two.stop()]);
  await database.drop();
});

test("before the first start there is nothing to pause, and it says so; a bad name stops the start", async () => {
  const { code, err } = await posthorn("postgres://127.0.0.1:1/none", ["pause-all"]);
  expect([code, err]).toEqual([3, expect.stringContaining("can't be connected to")]);
  await expect(startTestService({ POSTHORN_INSTALLATION: "two words" })).rejects.toThrow(
    "POSTHORN_INSTALLATION",
  );
});
