// The examples of publishing, as real programs on what npm run build has made.
import { randomBytes } from "node:crypto";
import { join } from "node:path";

import { expect, test } from "@jest/globals";
import request from "supertest";

import { MINUTE } from "../../src/kernel/duration.ts";
import { createTestDatabase } from "../helpers/database.ts";
import { afterwards, ROOT, run } from "../helpers/process.ts";

const example = (path: string, env: Record<string, string> = {}) =>
  run(process.execPath, [join(ROOT, "examples", path)], { cwd: ROOT, env });

test(
  "examples/publish.mjs, with Node alone, commits an order with its event and rolls back another with its",
  async () => {
    const program = example("publish.mjs");
    expect(await program.exited).toEqual({ code: 0, signal: null });
    const lines = program.stdout.trimEnd().split("\n");
    expect(lines).toEqual([
      expect.stringMatching(/^order 1: evt_\w+ committed$/),
      expect.stringMatching(/^order 2: evt_\w+ rolled back$/),
      expect.stringMatching(/^events: evt_\w+ of order 1$/),
    ]);
    expect(lines[2]?.split(" ")[1]).toBe(lines[0]?.split(" ")[2]);
    expect(program.stderr).toBe("");
  },
  5 * MINUTE, // a database is made for it
);

test("the shop's receiver gets each order that was committed, verified, and none that was rolled back", async () => {
  const database = await createTestDatabase();
  afterwards(() => database.drop());
  const adminKey = `test_${randomBytes(16).toString("hex")}`;
  const shop = example("shop/shop.mjs", {
    DATABASE_URL: database.url,
    POSTHORN_SECRETS_KEY: randomBytes(32).toString("base64"),
    POSTHORN_ADMIN_KEY: adminKey,
    POSTHORN_EGRESS_ALLOW: "127.0.0.0/8",
    PORT: "0",
  });
  const receiver = example("receivers/express.mjs", { WEBHOOK_KEY: "a secret of mine", PORT: "0" });
  const urlIn = (line: string) => /http:\S+/.exec(line)?.[0] ?? "";
  const url = urlIn(await shop.line(/^shop on/));
  const post = (path: string, body: object) =>
    request(url)
      .post(path)
      .set({ Authorization: `Bearer ${adminKey}`, "X-Tenant": "shop" })
      .send(body);

  await post("/webhooks/event_types.create", { name: "order.created" }).expect(200);
  const subscription = {
    url: urlIn(await receiver.line(/^receiving on/)),
    signature_key: "a secret of mine",
    events: ["order.created"],
  };
  await post("/webhooks/webhooks.subscribe", subscription).expect(200);
  await post("/orders", { item: "a coach", amount: 1, card: "refused" }).expect(422);
  await post("/orders", { item: "a posthorn", amount: 0 }).expect(422);
  await post("/orders", { item: "a posthorn", amount: 1 }).expect(201);
  await receiver.line(/^evt_\w+ genuine order\.created .*'a posthorn', amount: 1/);
  const { body } = await post("/webhooks/events.list", {}).expect(200);
  expect(body.data).toHaveLength(1);
  expect(await shop.stop()).toEqual({ code: 0, signal: null });
});
