// What a webhook's owner notes on it, and finds it by.
import { afterAll, beforeAll, beforeEach, expect, test } from "@jest/globals";

import { caller, type Call } from "../helpers/api.ts";
import { startTestService, type TestService } from "../helpers/service.ts";

let service: TestService;
let post: Call;
let tenants = 0;

beforeAll(async () => {
  service = await startTestService({}, { role: "api" });
});
afterAll(() => service.stop());
beforeEach(() => {
  post = caller(service, { "X-Tenant": `tenant-${++tenants}` });
});

const URL = "http://127.0.0.1:9999/hook";
const METADATA = { plan: "pro", "": "" };

const subscribe = async (settings: object = {}) =>
  (await post("webhooks.subscribe", { url: URL, ...settings }).expect(200)).body;
const listed = async (filter: object): Promise<string[]> =>
  (await post("webhooks.list", filter).expect(200)).body.data.map(({ id }: { id: string }) => id);

test("external_id, metadata and paused are taken by subscribe and given back by each answer that shows the webhook", async () => {
  const labels = { external_id: "customer 4711", metadata: { plan: "pro", region: "eu" } };
  const { id, ...made } = await subscribe({ ...labels, paused: true });
  expect(made).toMatchObject({ ...labels, paused: true, created: true });
  const shown = { id, ...labels, paused: true };
  expect((await post("webhooks.info", { id })).body).toMatchObject(shown);
  expect((await post("webhooks.list")).body.data).toMatchObject([shown]);
  expect((await post("webhooks.update", { id, name: "named" })).body).toMatchObject(shown);
  expect((await post("webhooks.rotate_key", { id })).body).toMatchObject(shown);
  expect((await post("webhooks.unsubscribe", { id })).body).toMatchObject(shown);
  // A subscribe replaces all.
  expect(await subscribe({ id })).toMatchObject({
    external_id: null,
    metadata: {},
    paused: false,
    created: false,
  });
});

test("update sets external_id and metadata whole, and null clears them", async () => {
  const { id } = await subscribe({ external_id: "a", metadata: { a: "1", b: "2" } });
  const update = async (input: object) =>
    (await post("webhooks.update", { id, ...input }).expect(200)).body;
  expect(await update({ external_id: "b", metadata: { c: "3" } })).toMatchObject({
    external_id: "b",
    metadata: { c: "3" },
  });
  const cleared = await update({ external_id: null, metadata: null });
  expect([cleared.external_id, cleared.metadata]).toEqual([null, {}]);
});

test("an external_id that another webhook has is refused with a 409 that names it, until that one is deleted", async () => {
  const { id: holder } = await subscribe({ external_id: "mine" });
  const { id: other } = await subscribe();
  const refusals = [
    await post("webhooks.subscribe", { url: URL, external_id: "mine" }),
    await post("webhooks.subscribe", { id: other, url: URL, external_id: "mine" }),
    await post("webhooks.update", { id: other, external_id: "mine" }),
  ];
  for (const { status, body } of refusals) {
    expect([status, body.code]).toEqual([409, "external_id_taken"]);
    expect(body.issues).toEqual([
      { path: "external_id", message: expect.stringContaining(holder) },
    ]);
  }
  expect(await listed({})).toEqual([other, holder]);
  await subscribe({ id: holder, external_id: "mine" }); // its own
  const elsewhere = caller(service, { "X-Tenant": "elsewhere" });
  await elsewhere("webhooks.subscribe", { url: URL, external_id: "mine" }).expect(200);
  await post("webhooks.delete", { id: holder }).expect(200);
  await post("webhooks.update", { id: other, external_id: "mine" }).expect(200);
});

test("of many that ask for one external_id at once, one has it, and each other is told which", async () => {
  const ids = await Promise.all(Array.from({ length: 10 }, async () => (await subscribe()).id));
  const answers = await Promise.all(
    ids.flatMap((id) => [
      post("webhooks.update", { id, external_id: "one" }),
      post("webhooks.subscribe", { url: URL, external_id: "one" }),
    ]),
  );
  const [winner, ...more] = answers.filter(({ status }) => status === 200);
  expect(more).toEqual([]);
  const losers = answers.filter((answer) => answer !== winner);
  for (const { status, body } of losers)
    expect([status, body.message]).toEqual([409, expect.stringContaining(winner?.body.id)]);
});

test("two webhooks that take each other's external_id at once are refused, and wait for each other never", async () => {
  const [a, b] = [await subscribe({ external_id: "a" }), await subscribe({ external_id: "b" })];
  for (let round = 0; round < 20; round++) {
    const answers = await Promise.all([
      post("webhooks.update", { id: a.id, external_id: "b" }),
      post("webhooks.update", { id: b.id, external_id: "a" }),
    ]);
    expect(answers.map(({ status }) => status)).toEqual([409, 409]);
  }
});

test("webhooks.list finds by external_id and by entries of metadata, all of them, as text", async () => {
  const { id: a } = await subscribe({ external_id: "A", metadata: { plan: "pro", seats: "1" } });
  const { id: b } = await subscribe({ external_id: "a", metadata: { plan: "pro" } });
  await subscribe({ metadata: { plan: "free" } });
  expect(await listed({ external_id: "a" })).toEqual([b]);
  expect(await listed({ metadata: { plan: "pro" } })).toEqual([b, a]);
  expect(await listed({ metadata: { plan: "pro", seats: "1" } })).toEqual([a]);
  expect(await listed({ metadata: { pro: "plan" } })).toEqual([]);
  expect(await listed({ external_id: "a", status: "Unsubscribed" })).toEqual([]);
});

test.each([
  [{ external_id: "" }, "external_id"],
  [{ external_id: "x".repeat(256) }, "external_id"],
  [{ external_id: "a\0" }, "external_id"],
  [{ metadata: { a: 1 } }, "metadata.a"],
  [{ metadata: { a: "x".repeat(501) } }, "metadata.a"],
  [{ metadata: { a: "\ud800" } }, "metadata.a"],
  [{ metadata: METADATA }, "metadata."],
  [{ metadata: { ["n".repeat(41)]: "" } }, `metadata.${"n".repeat(41)}`],
  [
    { metadata: Object.fromEntries(Array.from({ length: 51 }, (_, n) => [String(n), ""])) },
    "metadata",
  ],
])("refuses %j, and names the field", async (labels, path) => {
  const { id } = await subscribe();
  for (const [operation, input] of [
    ["webhooks.subscribe", { url: URL }],
    ["webhooks.update", { id }],
  ] as const) {
    const { status, body } = await post(operation, { ...input, ...labels });
    expect([status, body.issues[0].path]).toEqual([400, path]);
  }
  expect(await listed({})).toEqual([id]);
});

test("metadata of fifty entries as long as they may be is kept as it is", async () => {
  const metadata = Object.fromEntries(
    Array.from({ length: 50 }, (_, n) => [String(n).padStart(40, "n"), "é".repeat(500)]),
  );
  const { id } = await subscribe({ metadata });
  expect((await post("webhooks.info", { id })).body.metadata).toEqual(metadata);
});
