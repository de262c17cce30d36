// Webhooks as a worker keeps them: what is read for a claim, and what is known from before.
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import type pg from "pg";

import { createTargets } from "../../src/delivery/targets.ts";
import { silentLog as log } from "../../src/kernel/log.ts";
import { connect, type Connection } from "../../src/database/connect.ts";
import { createSealer } from "../../src/database/sealed.ts";
import { caller, type Call } from "../helpers/api.ts";
import { claim } from "../helpers/claims.ts";
import { SECRETS_KEY, startTestService, type TestService } from "../helpers/service.ts";

const WEBHOOKS = 50;
const KEY = "a key of the test's own";

let service: TestService;
let connection: Connection;
let post: Call;
let ids: string[];

beforeAll(async () => {
  service = await startTestService({}, { role: "api" });
  connection = connect(service.databaseUrl, { name: "targets", max: 2, log });
  post = caller(service);
  const webhooks = Array.from({ length: WEBHOOKS }, (_, n) => ({
    url: `https://example.com/${n}`,
    headers: { "X-Number": `number ${n}` },
    signature_key: KEY,
  }));
  const { body } = await post("webhooks.subscribe_many", { webhooks }).expect(200);
  ids = body.data.map(({ id }: { id: string }) => id);
});
afterAll(async () => {
  await connection.close();
  await service.stop();
});

// Targets, and how many webhooks were read for each claim.
function watched() {
  const read: number[] = [];
  const pool = {
    query: async (query: pg.QueryConfig) => {
      const result = await connection.pool.query(query);
      read.push(result.rows.length);
      return result;
    },
  } as unknown as pg.Pool;
  const sealer = createSealer([Buffer.from(SECRETS_KEY, "base64")]);
  return { targets: createTargets({ pool, sealer, random: () => 0.5, log }), read };
}

async function claimAll() {
  await connection.pool.query("delete from posthorn.deliveries");
  await post("events.publish", { type: "message.created", payload: 1 }).expect(200);
  return (await claim(connection.pool)).deliveries;
}

test("the webhooks of a wide fan-out are read and opened once, and only the one that was changed is again", async () => {
  const { targets, read } = watched();
  const first = await targets.load(await claimAll());
  expect(read).toEqual([WEBHOOKS]);
  expect([...first.values()].map(({ secrets }) => secrets)).toEqual(
    expect.arrayContaining([
      expect.objectContaining({ key: KEY, headers: { "X-Number": "number 7" } }),
    ]),
  );
  const second = await targets.load(await claimAll());
  expect(read).toEqual([WEBHOOKS]);
  for (const [id, target] of second) expect(target).toBe(first.get(id));

  await post("webhooks.update", { id: ids[7], url: "https://example.com/changed" }).expect(200);
  const third = await targets.load(await claimAll());
  expect(read).toEqual([WEBHOOKS, 1]);
  const changed = [...third.values()].filter((target) => second.get(target.webhookId) !== target);
  expect(changed).toEqual([
    expect.objectContaining({ id: ids[7], url: "https://example.com/changed" }),
  ]);
});

test("all are read anew where the database may be another", async () => {
  const { targets, read } = watched();
  const deliveries = await claimAll();
  await targets.load(deliveries);
  targets.forget();
  await targets.load(deliveries);
  expect(read).toEqual([WEBHOOKS, WEBHOOKS]);
});
