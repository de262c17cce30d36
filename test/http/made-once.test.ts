// What makes something and shows a secret, asked for twice under one idempotency key.
import { createHash } from "node:crypto";

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "@jest/globals";

import { caller, insist, until, type Call } from "../helpers/api.ts";
import { createTestDatabase, type TestDatabase } from "../helpers/database.ts";
import { startDatabaseProxy, type DatabaseProxy } from "../helpers/database-proxy.ts";
import { query } from "../helpers/embedded.ts";
import { startTestService, type TestService } from "../helpers/service.ts";

let database: TestDatabase;
let proxy: DatabaseProxy;
let service: TestService;
let post: Call;
let tenant: string;
let tenants = 0;

beforeAll(async () => {
  database = await createTestDatabase();
  proxy = await startDatabaseProxy(database.url);
  service = await startTestService({ DATABASE_URL: proxy.url }, { role: "api" });
});
beforeEach(() => {
  tenant = `tenant-${++tenants}`;
  post = caller(service, { "X-Tenant": tenant });
});
afterEach(() => proxy.loseAnswersTo(null));
afterAll(async () => {
  await service.stop();
  await proxy.close();
  await database.drop();
});

const URL = "http://127.0.0.1:9/";
const KEY = { idempotency_key: "once" };
const CONFLICT = { status: 409, body: { code: "idempotency_conflict" } };

/** Asked past the proxy. */
const rows = (statement: string) => query(database.url, statement);
const keyVersion = async (id: string) =>
  (await rows(`select signature_key_version from posthorn.webhooks where id = '${id}'`))[0]?.[
    "signature_key_version"
  ];
const webhooks = async (): Promise<unknown[]> => (await post("webhooks.list")).body.data;
const keys = async (): Promise<unknown[]> => (await post("keys.list", { tenant })).body.data;
const subscribe = async (settings: object = {}) =>
  (await post("webhooks.subscribe", { url: URL, ...settings }).expect(200)).body;

/** Each operation: a request of it, and how many things or changes there are of what it makes. */
const MAKERS = {
  "webhooks.subscribe": () =>
    Promise.resolve({
      input: { url: URL, generate_signature_key: true },
      count: async () => (await webhooks()).length,
      secret: "signature_key",
    }),
  "webhooks.rotate_key": async () => {
    const { id } = await subscribe();
    return { input: { id }, count: () => keyVersion(id), secret: "signature_key" };
  },
  "webhooks.update": async () => {
    const { id } = await subscribe();
    const input = { id, generate_signature_key: true };
    return { input, count: () => keyVersion(id), secret: "signature_key" };
  },
  "keys.create": () =>
    Promise.resolve({
      input: { name: "mine", scope: "read", tenant },
      count: async () => (await keys()).length,
      secret: "key",
    }),
};

describe.each(Object.entries(MAKERS))("%s under an idempotency key", (operation, prepare) => {
  test("whose answer is lost gives that very answer when it is sent again, and does nothing more", async () => {
    const { input, count, secret } = await prepare();
    proxy.loseAnswersTo(/[^_]commit\0/);
    const lost = await post(operation, { ...input, ...KEY });
    expect(lost).toMatchObject({ status: 503, body: { code: "unsure" } });
    expect(lost.body.message).toContain("idempotency_key");
    proxy.loseAnswersTo(null);
    const { body: first } = await post(operation, { ...input, ...KEY }).expect(200);
    expect(first[secret]).toEqual(expect.any(String));
    const { body: again } = await post(operation, { ...input, ...KEY }).expect(200);
    expect(again).toEqual(first);
    expect(await count()).toBe(1);
  });

  test("ten times at once is done once, and each is answered the same", async () => {
    const { input, count } = await prepare();
    const answers = await Promise.all(
      Array.from({ length: 10 }, () => insist(() => post(operation, { ...input, ...KEY }))),
    );
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    expect(new Set(answers.map(({ text }) => text)).size).toBe(1);
    expect(await count()).toBe(1);
  });

  test("is a conflict for another request, and is its own for another API key and another tenant", async () => {
    const { input, count, secret } = await prepare();
    const { body: first } = await post(operation, { ...input, ...KEY }).expect(200);
    expect(await post(operation, { ...input, name: "other", ...KEY })).toMatchObject(
      operation === "webhooks.rotate_key" ? { status: 400 } : CONFLICT,
    );
    const elsewhere = operation === "keys.create" ? "webhooks.subscribe" : "keys.create";
    const other = { name: "mine", scope: "admin", url: URL };
    const { name, scope, url } = other;
    expect(
      await post(elsewhere, {
        ...(elsewhere === "keys.create" ? { name, scope } : { url }),
        ...KEY,
      }),
    ).toMatchObject(CONFLICT);
    expect(await count()).toBe(1);
    const { body: admin } = await post("keys.create", { name, scope }).expect(200);
    const colleague = caller(service, { Authorization: `Bearer ${admin.key}`, "X-Tenant": tenant });
    const { body: theirs } = await colleague(operation, { ...input, ...KEY }).expect(200);
    expect(theirs[secret]).not.toBe(first[secret]);
  });

  test("is kept sealed: neither the secret nor anything of the answer stands in the database", async () => {
    const { input, secret } = await prepare();
    const { body } = await post(operation, { ...input, ...KEY }).expect(200);
    const [row] = await rows(
      `select sealed, a::text as row from posthorn.kept_answers as a where tenant = '${tenant}'`,
    );
    const sealed = row?.["sealed"] as Buffer;
    expect(sealed.length).toBeGreaterThan(200);
    for (const text of [body[secret], URL, "mine"]) {
      expect(sealed.toString("latin1")).not.toContain(text);
      expect(row?.["row"]).not.toContain(text);
    }
    const digest = createHash("sha256").update(String(body[secret])).digest("hex");
    expect(row?.["row"]).not.toContain(digest);
  });

  test("that is refused keeps nothing: mended, it may go under the same one", async () => {
    const { input, count } = await prepare();
    const refused = { ...input, ...KEY, unknown: 1 };
    await post(operation, refused).expect(400);
    await post(operation, { ...input, ...KEY }).expect(200);
    expect(await count()).toBe(1);
  });

  test("may be used anew after a day, and not a minute earlier", async () => {
    const { input, secret } = await prepare();
    const { body: first } = await post(operation, { ...input, ...KEY }).expect(200);
    const age = (interval: string) =>
      rows(
        `update posthorn.kept_answers set created_at = now() - interval '${interval}' where tenant = '${tenant}' returning key`,
      );
    await age("23 hours 59 minutes");
    expect((await post(operation, { ...input, ...KEY }).expect(200)).body).toEqual(first);
    await age("24 hours 1 second");
    const { body: anew } = await post(operation, { ...input, ...KEY }).expect(200);
    expect(anew[secret]).not.toBe(first[secret]);
    expect((await post(operation, { ...input, ...KEY }).expect(200)).body).toEqual(anew);
  });
});

test("a subscribe that fails within its transaction keeps nothing", async () => {
  await subscribe({ external_id: "taken" });
  const input = { url: URL, external_id: "taken", ...KEY };
  expect((await post("webhooks.subscribe", input)).body.code).toBe("external_id_taken");
  expect(await rows(`select from posthorn.kept_answers where tenant = '${tenant}'`)).toEqual([]);
});

describe("a kept answer is dropped, and what it was given for is not done again,", () => {
  const made = () => post("webhooks.subscribe", { url: URL, generate_signature_key: true, ...KEY });

  test.each([
    ["once the key that it shows is rotated out", "webhooks.rotate_key", {}],
    ["once another key is set", "webhooks.update", { signature_key: "another" }],
    ["once another key is generated", "webhooks.update", { generate_signature_key: true }],
    ["once the webhook is deleted", "webhooks.delete", {}],
  ])("%s", async (_, operation, input) => {
    const { id } = (await made().expect(200)).body;
    await post(operation, { id, ...input }).expect(200);
    const count = (await webhooks()).length;
    expect(await made()).toMatchObject(CONFLICT);
    expect(await webhooks()).toHaveLength(count);
    const [row] = await rows(`select sealed from posthorn.kept_answers where tenant = '${tenant}'`);
    expect(row).toEqual({ sealed: null });
  });

  test("once the API key is revoked", async () => {
    const create = () => post("keys.create", { name: "mine", scope: "read", ...KEY });
    const { id } = (await create().expect(200)).body;
    await post("keys.revoke", { id }).expect(200);
    expect(await create()).toMatchObject(CONFLICT);
    expect(await keys()).toHaveLength(1);
  });

  test("and a change that leaves the secret drops nothing", async () => {
    const { body } = await made().expect(200);
    await post("webhooks.update", { id: body.id, name: "named" }).expect(200);
    expect((await made().expect(200)).body).toEqual(body);
  });
});

test("a rotation asked for under one key, after another one has replaced its key, leaves that one in place", async () => {
  const { id } = await subscribe();
  await post("webhooks.rotate_key", { id, ...KEY }).expect(200);
  await post("webhooks.rotate_key", { id, idempotency_key: "later" }).expect(200);
  expect(await post("webhooks.rotate_key", { id, ...KEY })).toMatchObject(CONFLICT);
  expect(await keyVersion(id)).toBe(2);
});

test("a tenant's answers are 10,000 a day at most; requests without a key, and other tenants, go on", async () => {
  await rows(
    `insert into posthorn.kept_answers (tenant, caller, key, created_at)
     select '${tenant}', 'somebody', n::text, now() - interval '23 hours' from generate_series(1, 10000) as n returning key`,
  );
  const { status, body, headers } = await post("webhooks.subscribe", { url: URL, ...KEY });
  expect([status, body.code]).toEqual([429, "rate_limited"]);
  expect(Number(headers["retry-after"])).toBeGreaterThan(3_500);
  await subscribe();
  const other = caller(service, { "X-Tenant": "other" });
  await other("webhooks.subscribe", { url: URL, ...KEY }).expect(200);
});

test("answers of yesterday are let go of by a worker", async () => {
  await subscribe(KEY);
  await subscribe({ idempotency_key: "today" });
  await rows(
    `update posthorn.kept_answers set created_at = now() - interval '25 hours' where tenant = '${tenant}' and key = 'once' returning key`,
  );
  const worker = await startTestService({ DATABASE_URL: database.url }, { role: "worker" });
  try {
    await until(
      () => rows(`select key from posthorn.kept_answers where tenant = '${tenant}'`),
      (left) => left.length === 1,
    );
  } finally {
    await worker.stop();
  }
});
