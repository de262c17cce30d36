// The numbers by which rows elsewhere point to a webhook.
import { afterAll, beforeAll, expect, test } from "@jest/globals";

import { silentLog } from "../../src/kernel/log.ts";
import { connect, type Connection } from "../../src/database/connect.ts";
import { wholeTenant } from "../../src/store/reach.ts";
import { listWebhooks } from "../../src/store/webhook-list.ts";
import { createTestDatabase, type TestDatabase } from "../helpers/database.ts";
import { makeWebhooks } from "../helpers/webhooks.ts";

const EACH = 500;

let databases: TestDatabase[];
let connections: Connection[];

beforeAll(async () => {
  databases = [await createTestDatabase(), await createTestDatabase()];
  connections = databases.map(({ url }) => connect(url, { name: "ids", max: 1, log: silentLog }));
});
afterAll(async () => {
  for (const { close } of connections) await close();
  for (const { drop } of databases) await drop();
});

test("no two databases share a webhook_id, copies of one database either, and JavaScript holds each", async () => {
  const made = await Promise.all(connections.map(({ pool }) => makeWebhooks(pool, "ids", EACH)));
  const ids = made.flat();
  expect(new Set(ids).size).toBe(2 * EACH);
  for (const id of ids) expect(Number.isSafeInteger(id) && id > 0).toBe(true);
});

test("webhooks made in one transaction are paged through without a gap or a repeat", async () => {
  const [{ db, pool }] = connections as [Connection];
  const made = await makeWebhooks(pool, "paged", 25);
  const seen: number[] = [];
  let after: { created_us: number; webhook_id: number; trouble: number } | null = null;
  do {
    const page = await listWebhooks(db, wholeTenant("paged"), { after, limit: 4, bytesMax: 1e6 });
    seen.push(...page.map(({ webhook_id }) => webhook_id));
    after = page.at(-1) ?? null;
  } while (after);
  expect(seen).toHaveLength(25);
  expect(new Set(seen)).toEqual(new Set(made));
});
