// A schema that takes for ever, and who notices: a real process, and its threads.
import { randomBytes } from "node:crypto";

import { expect, test } from "@jest/globals";
import pg from "pg";

import { caller, until, type Call } from "../helpers/api.ts";
import { createTestDatabase } from "../helpers/database.ts";
import { startInbox } from "../helpers/inbox.ts";
import { afterwards, readyPosthorn } from "../helpers/process.ts";

const ADMIN_KEY = randomBytes(16).toString("hex");
const EVIL = { pattern: "^(a+)+$" };
const ENDLESS = `${"a".repeat(40)}!`;

async function start(): Promise<{ post: (tenant: string) => Call; sql: pg.Client }> {
  const { url, drop } = await createTestDatabase();
  afterwards(drop);
  const sql = new pg.Client({ connectionString: url });
  await sql.connect();
  afterwards(() => sql.end());
  const service = await readyPosthorn(["serve"], {
    DATABASE_URL: url,
    POSTHORN_SECRETS_KEY: randomBytes(32).toString("base64"),
    POSTHORN_ADMIN_KEY: ADMIN_KEY,
    POSTHORN_EGRESS_ALLOW: "127.0.0.0/8",
  });
  const post = (tenant: string) =>
    caller({ url: service.url, adminKey: ADMIN_KEY }, { "X-Tenant": tenant });
  return { post, sql };
}

test("a tenant's publishes go on while another's schema takes for ever, and that one's are refused at once", async () => {
  const { post } = await start();
  const good = post("good");
  await good("event_types.create", { name: "t", schema: { type: "number" } }).expect(200);
  await good("events.publish", { type: "t", payload: 0 }).expect(200);

  let tries = 0;
  const beside = async () => {
    const evil = post(`evil-${++tries}`);
    await evil("event_types.create", { name: "t", schema: EVIL }).expect(200);
    const hostile = Promise.all(
      Array.from({ length: 8 }, () => evil("events.publish", { type: "t", payload: ENDLESS })),
    );
    let isOver = false;
    void hostile.then(() => (isOver = true));
    for (let n = 1; n <= 10; n++)
      await good("events.publish", { type: "t", payload: n }).expect(200);
    const wentOn = !isOver;
    const answers = (await hostile).map(({ status, body }) => [status, body.code]);
    return { evil, answers, wentOn };
  };
  // It takes a second and more; a busy machine may take that long over ten publishes once.
  const { evil, answers } = await until(beside, ({ wentOn }) => wentOn);
  expect(answers).toContainEqual([400, "payload_does_not_fit_schema"]);
  expect(answers).toContainEqual([429, "rate_limited"]);
  const next = await evil("events.publish", { type: "t", payload: "aaa" }).expect(429);
  expect(Number(next.headers["retry-after"])).toBeGreaterThan(0);
  expect(next.body.message).toMatch(/nothing was stored, try again in \d+ s/);
  await evil("events.publish", { type: "message.created", payload: 1 }).expect(200);
});

test("a delivery arrives at once while what another tenant published by SQL takes for ever to judge", async () => {
  const { post, sql } = await start();
  const inbox = await startInbox();
  afterwards(() => inbox.close());
  for (const tenant of ["evil", "good"]) {
    await post(tenant)("event_types.create", { name: "t", schema: EVIL }).expect(200);
    await post(tenant)("webhooks.subscribe", { url: inbox.url, events: ["t"] }).expect(200);
  }
  await sql.query(
    "select posthorn.publish('t', to_json($1::text), tenant => 'evil') from generate_series(1, 50)",
    [ENDLESS],
  );
  await sql.query("select posthorn.publish('t', to_json('aaa'::text), tenant => 'good')");
  const [arrived] = await inbox.arrived(1);
  expect(arrived?.body.toString()).toContain('"aaa"');
  const judged = await until(
    async () =>
      (await sql.query("select reason from posthorn.v_deliveries where status = 'dead'")).rows,
    (rows) => rows.length > 0,
  );
  expect(judged[0]).toEqual({ reason: "schema" });
  expect(inbox.requests).toHaveLength(1);
});
