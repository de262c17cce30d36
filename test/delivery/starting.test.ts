// From the claim to the first byte: what happens meanwhile decides whether anything is sent.
import { expect, test } from "@jest/globals";
import pg from "pg";

import { caller, until } from "../helpers/api.ts";
import { startInbox } from "../helpers/inbox.ts";
import { startTestService } from "../helpers/service.ts";
import { makeWebhooks } from "../helpers/webhooks.ts";

test("nothing starts after an unsubscribe's answer, however long the database took to say what to judge a payload by", async () => {
  const service = await startTestService();
  const post = caller(service);
  const inbox = await startInbox();
  const [sql, blocker] = [0, 1].map(
    () => new pg.Client({ connectionString: service.databaseUrl }),
  ) as [pg.Client, pg.Client];
  await Promise.all([sql.connect(), blocker.connect()]);
  const subscribe = async (path: string, type = "message.created") =>
    (await post("webhooks.subscribe", { url: `${inbox.url}/${path}`, events: [type] })).body.id;

  await post("event_types.update", {
    name: "message.created",
    schema: { type: ["object", "number"] },
  }).expect(200);
  const [slow, kept] = [await subscribe("slow"), await subscribe("kept", "message.sent")];
  for (const id of [slow, kept]) await post("webhooks.update", { id, paused: true }).expect(200);
  let answer = () => {};
  const answered = new Promise<void>((resolve) => (answer = resolve));
  inbox.reply = () => ({ until: answered });
  for (const type of ["message.created", "message.sent"])
    await sql.query(`select posthorn.publish($1, '{"by": "sql"}')`, [type]);
  await blocker.query("begin; lock table posthorn.event_types in access exclusive mode");
  await sql.query("update posthorn.webhooks set paused = false, released_at = now()");
  const claimedLongAgo =
    "select from posthorn.deliveries where locked_until < now() + interval '44 seconds'";
  await until(
    async () => (await sql.query(claimedLongAgo)).rowCount,
    (count) => count === 2,
  );
  await post("webhooks.unsubscribe", { id: slow }).expect(200);
  await blocker.query("rollback");
  await inbox.arrived(1);
  const { rows } = await sql.query("select fence from posthorn.deliveries");
  expect(rows).toEqual([{ fence: "1" }]); // what may still be sent starts by the same claim
  answer();

  await subscribe("next");
  await post("events.publish", { type: "message.created", payload: 1 }).expect(200);
  await inbox.arrived(2);
  await Promise.all([sql.end(), blocker.end()]);
  await service.stop();
  await inbox.close();
  expect(inbox.requests.map(({ path }) => path)).toEqual(["/hook/kept", "/hook/next"]);
});

test("a payload that would be judged for ever is judged once for all its webhooks, and others are sent to meanwhile", async () => {
  const service = await startTestService();
  const [slow, other] = ["slow", "other"].map((tenant) =>
    caller(service, { "X-Tenant": tenant }),
  ) as [ReturnType<typeof caller>, ReturnType<typeof caller>];
  const inbox = await startInbox();
  const sql = new pg.Client({ connectionString: service.databaseUrl });
  await sql.connect();
  await slow("event_types.create", { name: "slow", schema: { pattern: "^(a+)+$" } }).expect(200);
  await other("event_types.create", { name: "quick", schema: { type: "number" } }).expect(200);
  await makeWebhooks(sql, "slow", 100);
  await other("webhooks.subscribe", { url: inbox.url }).expect(200);
  const publish = (type: string, payload: string, tenant: string) =>
    sql.query("select posthorn.publish($1, $2, tenant => $3)", [type, payload, tenant]);
  const ended = async () => {
    const { rows } = await sql.query(
      "select reason from posthorn.finished_deliveries where tenant = 'slow'",
    );
    return rows.map(({ reason }) => reason as string);
  };

  const endless = JSON.stringify(`${"a".repeat(40)}!`);
  for (let n = 0; n < 10; n++) await publish("slow", endless, "slow");
  for (let n = 0; n < 10; n++) await publish("quick", `${n}`, "other");
  await inbox.arrived(10);
  const reasons = await until(ended, ({ length }) => length >= 100);
  expect(new Set(reasons)).toEqual(new Set(["schema"]));

  await sql.end();
  await service.stop();
  await inbox.close();
});
