// Each minute's totals, where there is something to tell.
import { afterAll, beforeAll, expect, test } from "@jest/globals";

import { connect, type Connection } from "../../src/database/connect.ts";
import { createTotals } from "../../src/delivery/totals.ts";
import { createLog, silentLog } from "../../src/kernel/log.ts";
import type { Settlement } from "../../src/queue/settle.ts";
import { createTestDatabase, type TestDatabase } from "../helpers/database.ts";

let database: TestDatabase;
let connection: Connection;

beforeAll(async () => {
  database = await createTestDatabase();
  connection = connect(database.url, { name: "totals", max: 1, log: silentLog });
  await connection.pool.query(
    `insert into posthorn.deliveries (state, payload_bytes, id, event_id, webhook_id, due_at, created_at, tenant, cause)
     select 1, 1, gen_random_uuid(), gen_random_uuid(), 1, now(), now(), 'default', 'publish' from generate_series(1, 10001)`,
  );
});
afterAll(async () => {
  await connection.close();
  await database.drop();
});

const ended = (verdict: Settlement["verdict"]) => ({ verdict }) as Settlement;

test("a minute in which something was attempted is one line of what came of it, a quiet one none", async () => {
  const lines: Record<string, unknown>[] = [];
  const log = createLog("info", { write: (line) => void lines.push(JSON.parse(line)) });
  const totals = createTotals(connection.pool, log);
  await totals.tell(0);
  totals.settled([ended("delivered"), ended("retry")]);
  totals.settled([ended("dead"), ended("delivered")]);
  await totals.tell(0);
  await totals.tell(0);
  await totals.tell(7);
  const line = { level: "info", msg: "the last minute", pending: 10_000 };
  expect(lines).toEqual([
    expect.objectContaining({ ...line, delivered: 2, failed: 2, dead: 1, unwritten: 0 }),
    expect.objectContaining({ ...line, delivered: 0, failed: 0, dead: 0, unwritten: 7 }),
  ]);
});
