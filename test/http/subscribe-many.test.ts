// webhooks.subscribe_many: all or none, each fault by its place, again and again.
import { randomUUID } from "node:crypto";

import { afterAll, beforeAll, expect, test } from "@jest/globals";

import { caller, type Call } from "../helpers/api.ts";
import { startInbox, type Inbox } from "../helpers/inbox.ts";
import { startTestService, type TestService } from "../helpers/service.ts";

let service: TestService;
let inbox: Inbox;
let call: Call;

beforeAll(async () => {
  service = await startTestService({ POSTHORN_WEBHOOKS_MAX: "1500" });
  inbox = await startInbox();
  call = caller(service);
});
afterAll(async () => {
  await inbox.close();
  await service.stop();
});

const ofTenant = (tenant: string) => caller(service, { "X-Tenant": tenant });
const hooks = (count: number, more: object = {}) =>
  Array.from({ length: count }, (_, n) => ({
    id: randomUUID(),
    url: `${inbox.url}/${n}`,
    ...more,
  }));
const countOf = async (asked: Call) =>
  (await asked("webhooks.list", { page_size: 200 }).expect(200)).body.data.length;

test("makes webhooks as subscribe does: each is sent what it takes in, signed with its key", async () => {
  const one = {
    url: `${inbox.url}/one`,
    events: ["message.created"],
    signature_key: "k",
    name: "One",
  };
  const other = {
    url: `${inbox.url}/other`,
    channels: ["c"],
    preset: "messages-dev",
    headers: { "X-A": "b" },
  };
  const { body } = await call("webhooks.subscribe_many", {
    webhooks: [one, { ...other, url: "https://receiver.example/" }],
  }).expect(200);
  expect(body).toMatchObject({ created: 2, replaced: 0 });
  expect(body.data[0]).toEqual({ id: expect.any(String), created: true, warnings: [] });
  expect(body.data[1].signature_key).toEqual(expect.any(String));
  const single = await call("webhooks.subscribe", { ...one, url: `${inbox.url}/single` }).expect(
    200,
  );
  const info = async (id: string) => (await call("webhooks.info", { id }).expect(200)).body;
  const [ofMany, ofOne] = [await info(body.data[0].id), await info(single.body.id)];
  const same = ({ id: _, url: __, created_at: ___, updated_at: ____, ...rest }: typeof ofOne) =>
    rest;
  expect(same(ofMany)).toEqual(same(ofOne));
  expect(await info(body.data[1].id)).toMatchObject({ headers: { "X-A": "b" }, channels: ["c"] });
  const history = await call("webhooks.history", { id: ofMany.id }).expect(200);
  expect(history.body.data).toEqual([expect.objectContaining({ kind: "subscribed" })]);

  await call("events.publish", { type: "message.created", payload: 1 }).expect(200);
  const paths = (await inbox.arrived(2)).map(({ path }) => path).sort();
  expect(paths).toEqual(["/hook/one", "/hook/single"]);
  for (const { headers } of inbox.requests)
    expect(headers["x-airy-content-signature"]).toEqual(expect.any(String));
});

test("sent again with ids it changes nothing, and what differs is replaced", async () => {
  const asked = ofTenant("again");
  const webhooks = hooks(3, { signature_key: "mine" });
  await asked("webhooks.subscribe_many", { webhooks }).expect(200);
  const again = await asked("webhooks.subscribe_many", { webhooks }).expect(200);
  expect(again.body).toMatchObject({ created: 0, replaced: 3 });
  const renamed = [{ ...webhooks[0], name: "renamed" }, ...webhooks.slice(1)];
  await asked("webhooks.subscribe_many", { webhooks: renamed }).expect(200);
  expect((await asked("webhooks.info", { id: webhooks[0]?.id })).body.name).toBe("renamed");
  const { body } = await asked("webhooks.history", { id: webhooks[1]?.id }).expect(200);
  expect(body.data).toHaveLength(1);
});

test("one bad item of many, and nothing is stored: each fault is named by its place, without a secret", async () => {
  const asked = ofTenant("faults");
  await asked("webhooks.subscribe", { url: inbox.url, external_id: "taken" }).expect(200);
  const webhooks: Record<string, unknown>[] = hooks(8);
  webhooks[1] = { ...webhooks[1], url: "http://10.0.0.1/" };
  webhooks[2] = { ...webhooks[2], events: ["no.such.type"] };
  webhooks[3] = { ...webhooks[3], preset: "standard", signature_key: "not base64 at all!" };
  webhooks[4] = { ...webhooks[4], id: webhooks[0]?.["id"] };
  webhooks[5] = { ...webhooks[5], generate_signature_key: true, signature_key: "s3cret" };
  const { body } = await asked("webhooks.subscribe_many", { webhooks }).expect(400);
  expect(body.issues.map(({ path }: { path: string }) => path)).toEqual([
    "webhooks.1.url",
    "webhooks.2.events.0",
    "webhooks.4.id",
    "webhooks.5.generate_signature_key",
  ]);
  expect(await countOf(asked)).toBe(1);
  const late = [webhooks[0], webhooks[3], { ...webhooks[6], external_id: "taken" }];
  const second = await asked("webhooks.subscribe_many", { webhooks: late }).expect(400);
  expect(second.body.issues.map(({ path }: { path: string }) => path)).toEqual([
    "webhooks.1.signature_key",
    "webhooks.2.external_id",
  ]);
  expect(JSON.stringify([body, second.body])).not.toMatch(/s3cret|not base64/);
  expect(await countOf(asked)).toBe(1);
});

test("a dry run judges the same, and stores nothing", async () => {
  const asked = ofTenant("dry");
  const webhooks = hooks(5);
  const { body } = await asked("webhooks.subscribe_many", { webhooks, dry_run: true }).expect(200);
  expect(body).toEqual({ data: [], created: 5, replaced: 0 });
  expect(await countOf(asked)).toBe(0);
});

test("an external id goes from one webhook to another within one request", async () => {
  const asked = ofTenant("moves");
  const [old, young] = [hooks(1)[0]!, hooks(1)[0]!];
  await asked("webhooks.subscribe_many", { webhooks: [{ ...old, external_id: "x" }] }).expect(200);
  await asked("webhooks.subscribe_many", {
    webhooks: [
      { ...young, external_id: "x" },
      { ...old, external_id: "y" },
    ],
  }).expect(200);
  const { body } = await asked("webhooks.list", { external_id: "x" }).expect(200);
  expect(body.data.map(({ id }: { id: string }) => id)).toEqual([young.id]);
});

test("takes a thousand in a body of more than 1 MiB, and no more than the tenant may have", async () => {
  const asked = ofTenant("many");
  const webhooks = hooks(1_000, { headers: { "X-Long": "x".repeat(1_500) } });
  expect(JSON.stringify(webhooks).length).toBeGreaterThan(1024 * 1024);
  const startedAt = performance.now();
  await asked("webhooks.subscribe_many", { webhooks }).expect(200);
  expect(performance.now() - startedAt).toBeLessThan(30_000); // 1 s on a machine that does nothing else
  const { body } = await asked("webhooks.subscribe_many", { webhooks: hooks(600) }).expect(409);
  expect(body.code).toBe("too_many_webhooks");
  await asked("webhooks.subscribe_many", { webhooks: hooks(500) }).expect(200);
  await asked("webhooks.subscribe_many", { webhooks: hooks(1_001) }).expect(400);
});
