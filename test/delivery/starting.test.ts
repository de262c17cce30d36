// From the claim to the first byte: what happens meanwhile decides whether anything is sent.
import { expect, test } from "@jest/globals";
import pg from "pg";

import { caller, until } from "../helpers/api.ts";
import { startInbox } from "../helpers/inbox.ts";
import { startTestService } from "../helpers/service.ts";

test("nothing starts after an unsubscribe's answer, however long the database took to say what to judge a payload by", async () => {
  const service = await startTestService();
  const post = caller(service);
  const inbox = await startInbox();
  const [sql, blocker] = [0, 1].map(
    () => new pg.Client({ connectionString: service.databaseUrl }),
  ) as [pg.Client, pg.Client];
  await Promise.all([sql.connect(), blocker.connect()]);
  const subscribe = async (path: string) =>
    (await post("webhooks.subscribe", { url: `${inbox.url}/${path}` })).body.id;

  await post("event_types.update", {
    name: "message.created",
    schema: { type: ["object", "number"] },
  }).expect(200);
  const slow = await subscribe("slow");
  await post("webhooks.update", { id: slow, paused: true }).expect(200);
  await sql.query(`select posthorn.publish('message.created', '{"by": "sql"}')`);
  await blocker.query("begin; lock table posthorn.event_types in access exclusive mode");
  await sql.query("update posthorn.webhooks set paused = false, released_at = now()");
  const claimedLongAgo =
    "select from posthorn.deliveries where locked_until < now() + interval '44 seconds'";
  await until(
    async () => (await sql.query(claimedLongAgo)).rowCount,
    (count) => count === 1,
  );
  await post("webhooks.unsubscribe", { id: slow }).expect(200);
  await blocker.query("rollback");

  await subscribe("next");
  await post("events.publish", { type: "message.created", payload: 1 }).expect(200);
  await inbox.arrived(1);
  await Promise.all([sql.end(), blocker.end()]);
  await service.stop();
  await inbox.close();
  expect(inbox.requests.map(({ path }) => path)).toEqual(["/hook/next"]);
});
