// Keys that were rotated out are not kept longer than they sign.
import { afterAll, beforeAll, expect, test } from "@jest/globals";

import { silentLog } from "../../src/kernel/log.ts";
import { connect, type Connection } from "../../src/database/connect.ts";
import { wipeOldKeys } from "../../src/store/old-keys.ts";
import { caller, until, type Call } from "../helpers/api.ts";
import { startTestService, type TestService } from "../helpers/service.ts";

let service: TestService; // an api alone: nothing is wiped but by the tests
let connection: Connection;
let post: Call;
beforeAll(async () => {
  service = await startTestService({}, { role: "api" });
  connection = connect(service.databaseUrl, { name: "test", max: 10, log: silentLog });
  post = caller(service);
});
afterAll(async () => {
  await connection.close();
  await service.stop();
});

async function rotated(overlapS: number): Promise<string> {
  const made = { url: "https://example.com/", preset: "standard", generate_signature_key: true };
  const { id } = (await post("webhooks.subscribe", made).expect(200)).body;
  await post("webhooks.rotate_key", { id, overlap_s: overlapS }).expect(200);
  return id;
}

const endOverlap = (id: string) =>
  connection.pool.query(
    "update posthorn.webhooks set previous_key_expires_at = now() where id = $1",
    [id],
  );

/** What is kept of the key before, and whether there is a key. */
async function kept(id: string) {
  const { rows } = await connection.pool.query(
    `select previous_key_sealed is not null as old, previous_key_expires_at is not null as expires,
       signature_key_sealed is not null as key
     from posthorn.webhooks where id = $1`,
    [id],
  );
  return rows[0];
}

test("a key is wiped once its overlap has ended, and neither earlier nor with it the one that signs", async () => {
  const [over, signing] = [await rotated(3_600), await rotated(3_600)];
  expect(await wipeOldKeys(connection.pool)).toBe(0);
  await endOverlap(over);
  expect(await wipeOldKeys(connection.pool)).toBe(1);
  expect(await kept(over)).toEqual({ old: false, expires: false, key: true });
  expect(await kept(signing)).toEqual({ old: true, expires: true, key: true });
});

test("a webhook that somebody has locked is not waited for: its old key is wiped the next time", async () => {
  const id = await rotated(3_600);
  await endOverlap(id);
  const other = await connection.pool.connect();
  await other.query("begin");
  await other.query("select from posthorn.webhooks where id = $1 for update", [id]);
  expect(await wipeOldKeys(connection.pool)).toBe(0);
  await other.query("rollback");
  other.release();
  expect(await wipeOldKeys(connection.pool)).toBe(1);
});

test("a worker wipes them by itself", async () => {
  const id = await rotated(3_600);
  await endOverlap(id);
  const worker = await startTestService({ DATABASE_URL: service.databaseUrl }, { role: "worker" });
  try {
    await until(
      () => kept(id),
      ({ old }) => !old,
    );
  } finally {
    await worker.stop();
  }
});
