// What was changed of a webhook, when, and by whom.
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import pg from "pg";

import { disableGone, setHealth } from "../../src/queue/health.ts";
import { inTransaction } from "../../src/database/transaction.ts";
import { caller, type Call } from "../helpers/api.ts";
import { startTestService, type TestService } from "../helpers/service.ts";

let service: TestService; // an api alone: what is not asked for is not changed
let pool: pg.Pool;
let post: Call;

beforeAll(async () => {
  service = await startTestService({}, { role: "api" });
  pool = new pg.Pool({ connectionString: service.databaseUrl, max: 2 });
  post = caller(service);
});
afterAll(async () => {
  await pool.end();
  await service.stop();
});

const subscribe = async (settings: object = {}): Promise<string> =>
  (await post("webhooks.subscribe", { url: "http://127.0.0.1:9/", ...settings }).expect(200)).body
    .id;
const history = async (id: string, more: object = {}) =>
  (await post("webhooks.history", { id, ...more }).expect(200)).body;
const rowOf = async (id: string) =>
  (
    await pool.query<{ webhook_id: string; version: string }>(
      "select webhook_id, version from posthorn.webhooks where id = $1",
      [id],
    )
  ).rows[0]!;

test("each change is told with its fields before and after, its time, and the key that made it", async () => {
  const key = (
    await post("keys.create", { name: "a person", scope: "manage", tenant: "default" }).expect(200)
  ).body;
  const id = await subscribe({ headers: { "X-A": "1" }, events: ["message.created"] });
  const byKey = caller(service, { Authorization: `Bearer ${key.key}` });
  await byKey("webhooks.update", { id, events: ["message.*"], paused: true }).expect(200);
  await byKey("webhooks.update", { id, headers: { "X-A": "2" } }).expect(200);
  await byKey("webhooks.rotate_key", { id, signature_key: "k" }).expect(200);
  await byKey("webhooks.update", { id, paused: true }).expect(200); // which changes nothing
  const { data } = await history(id);
  const by = { key_id: key.id, name: "a person" };
  const at = expect.stringMatching(/Z$/);
  const masked = { "X-A": "********" };
  expect(data.slice(0, 3)).toEqual([
    { at, kind: "settings", by, changes: [{ field: "key_version", from: 0, to: 1 }] },
    { at, kind: "settings", by, changes: [{ field: "headers", from: masked, to: masked }] },
    {
      at,
      kind: "settings",
      by,
      changes: [
        { field: "events", from: ["message.created"], to: ["message.*"] },
        { field: "paused", from: false, to: true },
      ],
    },
  ]);
  expect(data[3]).toMatchObject({
    kind: "subscribed",
    by: { key_id: null, name: "POSTHORN_ADMIN_KEY" },
  });
  expect(data[3].changes).toContainEqual({ field: "headers", from: null, to: masked });
  expect(data).toHaveLength(4);
  const first = await history(id, { page_size: 3 });
  const rest = await history(id, { page_size: 3, cursor: first.pagination_data.next_cursor });
  expect([...first.data, ...rest.data]).toEqual(data);
});

test("a change of health is a row by the service, and what goes out keeps its version", async () => {
  const id = await subscribe();
  const { webhook_id, version } = await rowOf(id);
  const change = { from: "ok", to: "failing", reason: "timeout" } as const;
  await setHealth(pool, Number(webhook_id), change);
  await setHealth(pool, Number(webhook_id), change); // which it is already
  for (let n = 0; n < 2; n++)
    await inTransaction(pool, (client) =>
      disableGone(client, [{ webhook_id: Number(webhook_id), webhook_version: version }]),
    );
  const { data } = await history(id);
  expect(data).toMatchObject([
    {
      kind: "health",
      by: null,
      changes: [
        { field: "health", from: "failing", to: "disabled" },
        { field: "health_reason", from: "timeout", to: "gone" },
      ],
    },
    { kind: "health", by: null },
    { kind: "subscribed" },
  ]);
  expect((await rowOf(id)).version).toBe(version);
});

test("health that changes all day leaves 1,000 rows a day, the last of which tells the present", async () => {
  const id = await subscribe();
  const { webhook_id } = await rowOf(id);
  await pool.query("select posthorn.keep_change($1, null, null) from generate_series(1, 1100)", [
    webhook_id,
  ]);
  await setHealth(pool, Number(webhook_id), { from: "ok", to: "failing", reason: "status" });
  const { rows } = await pool.query(
    "select health, change from posthorn.webhook_changes where webhook_id = $1 order by change desc",
    [webhook_id],
  );
  expect(rows).toHaveLength(1_000);
  expect(rows[0]).toEqual({ health: "failing", change: 1_000 });
  await post("webhooks.update", { id, name: "by a person" }).expect(200);
  expect((await history(id)).data[0]).toMatchObject({ kind: "settings" });
});

test("a deletion is kept for the audit, and a webhook made again under the id begins anew", async () => {
  const id = await subscribe();
  const { webhook_id } = await rowOf(id);
  await post("webhooks.delete", { id }).expect(200);
  const { rows } = await pool.query(
    "select is_deleted, made_by_name from posthorn.webhook_changes where webhook_id = $1 order by change",
    [webhook_id],
  );
  expect(rows).toEqual([
    { is_deleted: false, made_by_name: "POSTHORN_ADMIN_KEY" },
    { is_deleted: true, made_by_name: "POSTHORN_ADMIN_KEY" },
  ]);
  await post("webhooks.history", { id }).expect(404);
  await subscribe({ id });
  expect((await history(id)).data).toMatchObject([{ kind: "subscribed" }]);
});

test("another tenant's webhook has no history, and a read key may ask", async () => {
  const id = await subscribe();
  await caller(service, { "X-Tenant": "other" })("webhooks.history", { id }).expect(404);
  const { key } = (
    await post("keys.create", { name: "reader", scope: "read", tenant: "default" }).expect(200)
  ).body;
  await caller(service, { Authorization: `Bearer ${key}` })("webhooks.history", { id }).expect(200);
});
