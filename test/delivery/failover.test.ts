// A standby that lacks the last change of a webhook is promoted: simulated by giving the row what it had before.
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "@jest/globals";
import type pg from "pg";

import { caller, until, type Call } from "../helpers/api.ts";
import { startInbox, type Inbox } from "../helpers/inbox.ts";
import { startTestService, type TestService } from "../helpers/service.ts";

let service: TestService;
let sql: pg.Client;
let post: Call;
let first: Inbox;
let lost: Inbox;
let id: string;

beforeAll(async () => {
  service = await startTestService();
  post = caller(service);
  sql = await service.connect();
});
afterAll(() => service.stop());

// Sends to `lost`, which the database then knows nothing of any more.
beforeEach(async () => {
  [first, lost] = [await startInbox(), await startInbox()];
  id = (await post("webhooks.subscribe", { url: first.url }).expect(200)).body.id;
  const columns = "url, version, updated_at";
  const { rows } = await sql.query(`select ${columns} from posthorn.webhooks where id = $1`, [id]);
  await post("webhooks.update", { id, url: lost.url }).expect(200);
  await publish();
  await lost.arrived(1);
  await settled();
  const { url, version, updated_at } = rows[0];
  await sql.query(
    `delete from posthorn.webhook_versions as v using posthorn.webhooks as w
     where w.id = $1 and v.webhook_id = w.webhook_id and v.version = w.version`,
    [id],
  );
  await sql.query("update posthorn.webhook_versions set valid_until = null where version = $1", [
    version,
  ]);
  await sql.query(`update posthorn.webhooks set (${columns}) = ($2, $3, $4) where id = $1`, [
    id,
    url,
    version,
    updated_at,
  ]);
});
afterEach(async () => {
  await post("webhooks.delete", { id }).expect(200);
  await Promise.all([first.close(), lost.close()]);
});

const publish = async (): Promise<string> =>
  (await post("events.publish", { type: "message.created", payload: 1 }).expect(200)).body.id;
const settled = () =>
  until(
    async () => (await sql.query("select from posthorn.deliveries")).rowCount,
    (count) => count === 0,
  );
const urlsOf = async (event: string) => {
  const { data } = (await post("deliveries.list", { event_id: event }).expect(200)).body;
  const { attempts } = (await post("deliveries.info", { id: data[0].id }).expect(200)).body;
  return attempts.map(({ url }: { url: string }) => url);
};

test("after a failover a worker sends to the URL that the database knows, and the audit names it", async () => {
  const event = await publish();
  await first.arrived(1);
  await settled();
  expect(await urlsOf(event)).toEqual([first.url]);
  expect(lost.requests).toHaveLength(1);
});

test("a change after a failover is not taken for the one that was lost", async () => {
  const next = await startInbox();
  await post("webhooks.update", { id, url: next.url }).expect(200);
  const event = await publish();
  await next.arrived(1);
  await settled();
  expect(await urlsOf(event)).toEqual([next.url]);
  expect(lost.requests).toHaveLength(1);
  await next.close();
});
