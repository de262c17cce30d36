// A secrets key that is lost: what works without it, and the way on.
import { randomBytes } from "node:crypto";

import { beforeEach, expect, test } from "@jest/globals";

import { caller } from "../helpers/api.ts";
import { createTestDatabase } from "../helpers/database.ts";
import { startInbox } from "../helpers/inbox.ts";
import { afterwards, posthorn } from "../helpers/process.ts";
import { startTestService, type TestService } from "../helpers/service.ts";

const makeKey = () => randomBytes(32).toString("base64");
let url: string;

beforeEach(async () => {
  const made = await createTestDatabase();
  afterwards(made.drop);
  url = made.url;
});

async function start(key: string): Promise<TestService> {
  const service = await startTestService({ DATABASE_URL: url, POSTHORN_SECRETS_KEY: key });
  afterwards(service.stop);
  return service;
}
async function abandon(key: string): Promise<string> {
  const env = { DATABASE_URL: url, POSTHORN_SECRETS_KEY: key };
  const command = await posthorn(["secrets", "abandon"], env);
  expect(await command.exited).toEqual({ code: 0, signal: null });
  return command.stderr;
}

test("posthorn migrate needs no secrets key", async () => {
  const command = await posthorn(["migrate"], { DATABASE_URL: url });
  expect(await command.exited).toEqual({ code: 0, signal: null });
  expect(command.stderr).toBe("The database is up to date.\n");
});

test("where the secrets key is lost, a kept answer is lost with it: abandoning tells so, and nothing is made twice", async () => {
  const subscribe = (service: TestService) =>
    caller(service)("webhooks.subscribe", { url: "http://127.0.0.1:9/", idempotency_key: "once" });
  const before = await start(makeKey());
  await subscribe(before).expect(200);
  await before.stop();
  const key = makeKey();
  expect(await abandon(key)).toBe(
    "No webhook's secrets are lost. Services start again. 1 answers of the last day, kept for an idempotency_key, can't be given again: rotate or revoke what nobody has seen.\n",
  );
  const service = await start(key);
  expect((await subscribe(service).expect(409)).body).toMatchObject({
    code: "idempotency_conflict",
    message: expect.stringContaining("can't be decrypted"),
  });
  expect((await caller(service)("webhooks.list")).body.data).toHaveLength(1);
});

test("where the secrets key is lost, abandoning it pauses and lists what it sealed; the rest goes on, and all can be mended", async () => {
  const inbox = await startInbox();
  afterwards(() => inbox.close());
  const subscribed = async (service: TestService, more: object): Promise<string> =>
    (await caller(service)("webhooks.subscribe", { url: inbox.url, ...more }).expect(200)).body.id;
  const before = await start(makeKey());
  const keyed = await subscribed(before, { signature_key: "a" });
  const headed = await subscribed(before, { headers: { "X-Token": "b" } });
  const plain = await subscribed(before, {});
  const gone = await subscribed(before, { signature_key: "c" });
  await caller(before)("webhooks.delete", { id: gone }).expect(200);
  await before.stop();

  const key = makeKey();
  await expect(start(key)).rejects.toThrow(/where it is lost: posthorn secrets abandon/);
  const told = await abandon(key);
  expect(told).toContain(
    `webhook ${keyed} of tenant default: no key given opens its signature_key`,
  );
  expect(told).toContain(`webhook ${headed} of tenant default: no key given opens its headers`);
  expect(told).toContain("2 webhooks have secrets that no key given opens; 2 of them were paused");
  expect(told).not.toContain(plain);
  expect(told).not.toContain(gone);

  const service = await start(key);
  const post = caller(service);
  await post("events.publish", { type: "message.created", payload: 1 }).expect(200);
  const [first] = await inbox.arrived(1); // to the plain one
  expect(first?.headers).not.toHaveProperty("x-airy-content-signature");
  for (const [id, secrets] of [
    [keyed, { signature_key: "new" }],
    [headed, { headers: { "X-Token": "new" } }],
  ] as const) {
    expect((await post("webhooks.info", { id })).body).toMatchObject({ paused: true });
    await post("webhooks.update", { id, ...secrets, paused: false }).expect(200);
  }
  const all = await inbox.arrived(3); // what was held for them
  expect(all.filter(({ headers }) => headers["x-token"] === "new")).toHaveLength(1);
  expect(all.filter(({ headers }) => headers["x-airy-content-signature"])).toHaveLength(1);
  expect(await abandon(key)).toMatch(/^Nothing is lost: /);
});
