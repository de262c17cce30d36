// API keys as they are made, listed and ended over HTTP.
import { createHash } from "node:crypto";

import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import type pg from "pg";

import { createClient } from "../../src/client/index.ts";
import { noteUses } from "../../src/keys/last-use.ts";
import { silentLog } from "../../src/kernel/log.ts";
import { OPERATIONS } from "../../src/rpc/router.ts";
import { caller, until, type Call } from "../helpers/api.ts";
import { startTestService, type TestService } from "../helpers/service.ts";

let service: TestService;
let post: Call;
let sql: pg.Client;

beforeAll(async () => {
  service = await startTestService({}, { role: "api" });
  post = caller(service);
  sql = await service.connect();
});
afterAll(() => service.stop());

type Made = { id: string; key: string; tenant: string | null; scope: string };
const make = async (fields: object = {}): Promise<Made> =>
  (await post("keys.create", { name: "test", scope: "read", ...fields }).expect(200)).body;
const as = (key: string, url = service.url) => caller({ url, adminKey: key });
const inFuture = () => new Date(Date.now() + 3_600_000).toISOString();

describe("keys.create", () => {
  test("shows the key once, and the database keeps its SHA-256 alone", async () => {
    const made = await make({ name: "my back end", scope: "publish" });
    expect(made).toEqual({
      id: expect.stringMatching(/^key_[0-9a-f]{32}$/),
      name: "my back end",
      scope: "publish",
      tenant: "default",
      expires_at: null,
      created_at: expect.stringMatching(/Z$/),
      revoked_at: null,
      last_used_at: null,
      key: expect.stringMatching(/^phk_publish_[A-Za-z0-9]+_[\w-]{32}$/), // 192 random bits
      is_portal: false,
    });
    const { rows } = await sql.query<{ hash: Buffer; row: string }>(
      "select hash, k::text as row from posthorn.keys as k where name = 'my back end'",
    );
    expect(rows[0]?.hash).toEqual(createHash("sha256").update(made.key).digest());
    expect(rows[0]?.row).not.toContain(made.key);
    const { text } = await post("keys.list", { page_size: 200 }).expect(200);
    expect(text).toContain(made.id);
    expect(text).not.toContain(made.key);
    expect(text).not.toContain(rows[0]?.hash.toString("hex"));
  });

  test("a key belongs to the tenant named in the body, else to that of X-Tenant, else to default", async () => {
    const elsewhere = caller(service, { "X-Tenant": "acme" });
    const { body } = await elsewhere("keys.create", { name: "x", scope: "read" }).expect(200);
    expect(body.tenant).toBe("acme");
    expect((await make({ tenant: "other" })).tenant).toBe("other");
    expect((await make()).tenant).toBe("default");
    await as(body.key)("webhooks.list").expect(200);
    await caller(
      { url: service.url, adminKey: body.key },
      { "X-Tenant": "default" },
    )("webhooks.list").expect(403);
  });

  test("an admin key has every tenant", async () => {
    const { key, tenant } = await make({ scope: "admin" });
    expect(tenant).toBeNull();
    await caller(
      { url: service.url, adminKey: key },
      { "X-Tenant": "any" },
    )("keys.list").expect(200);
    const { body } = await post("keys.create", { name: "x", scope: "admin", tenant: "t" });
    expect([body.code, body.issues[0].path]).toEqual(["invalid_request", "tenant"]);
  });

  test.each([
    ["a local time", "2999-01-01T00:00:00"],
    ["a day", "2999-01-01"],
    ["a time that is past", "2020-01-01T00:00:00Z"],
    ["words", "tomorrow"],
    ["a number", 4_000_000_000],
  ])("expires_at may not be %s", async (_what, expires_at) => {
    const { status, body } = await post("keys.create", { name: "x", scope: "read", expires_at });
    expect([status, body.code, body.issues[0].path]).toEqual([
      400,
      "invalid_request",
      "expires_at",
    ]);
  });

  test("a key is refused from its expiry on", async () => {
    const { id, key } = await make({ expires_at: inFuture() });
    await as(key)("webhooks.list").expect(200);
    await sql.query("update posthorn.keys set expires_at = now() where id = $1", [id.slice(4)]);
    await as(key)("webhooks.list").expect(401);
  });

  test.each([
    { name: "" },
    { name: "  " },
    { name: "mine " },
    { scope: "everything" },
    { tenant: "UPPER" },
  ])("refuses %j", async (wrong) => {
    await post("keys.create", { name: "x", scope: "read", ...wrong }).expect(400);
  });
});

describe("keys.list", () => {
  test("pages newest first over the keys of every tenant, and filters by tenant and scope", async () => {
    const made = [await make({ tenant: "pages" }), await make({ tenant: "pages" })];
    const last = await make({ tenant: "pages", scope: "manage" });
    const ids = (body: { data: Made[] }) => body.data.map(({ id }) => id);
    const first = (await post("keys.list", { tenant: "pages", page_size: 2 })).body;
    expect(ids(first)).toEqual([last.id, made[1]?.id]);
    const { next_cursor: cursor } = first.pagination_data;
    const second = (await post("keys.list", { tenant: "pages", page_size: 2, cursor })).body;
    expect(ids(second)).toEqual([made[0]?.id]);
    expect(second.pagination_data.next_cursor).toBeNull();
    await post("keys.list", { page_size: 2, cursor }).expect(400);
    expect(ids((await post("keys.list", { tenant: "pages", scope: "manage" })).body)).toEqual([
      last.id,
    ]);
  });
});

describe("the last use of a key", () => {
  test("is told within the moment at its first, and every other one of that minute costs no write", async () => {
    const { id, key } = await make();
    const usedAt = async () => {
      const { body } = await post("keys.list", { page_size: 200 }).expect(200);
      const listed = (body.data as { id: string; last_used_at: string | null }[]).find(
        (each) => each.id === id,
      );
      return listed?.last_used_at ?? null;
    };
    expect(await usedAt()).toBeNull();
    await as(`${key}x`)("webhooks.list").expect(401);
    expect(await usedAt()).toBeNull();
    const before = new Date().toISOString();
    await as(key)("webhooks.list").expect(200);
    const first = await until(usedAt, (at) => at !== null);
    expect(first! >= before).toBe(true);
    const row = async () =>
      (await sql.query("select xmin from posthorn.keys where id = $1", [id.slice(4)])).rows;
    const written = await row();
    await as(key)("webhooks.list").expect(200);
    await as(key)("events.list").expect(200);
    expect(await row()).toEqual(written);
  });

  test("is written once a minute by a process however often it is used, and again after a write that failed", async () => {
    let now = 0;
    const written: string[][] = [];
    let fails = false;
    const used = noteUses(
      (ids) => {
        written.push(ids);
        return fails ? Promise.reject(new Error("away")) : Promise.resolve();
      },
      () => now,
      silentLog,
    );
    const turn = () => new Promise((resolve) => setImmediate(resolve));
    for (const id of ["a", "b", "a", "a"]) used(id);
    await turn();
    await turn();
    expect(written).toEqual([["a", "b"]]);
    now = 59_999;
    used("a");
    await turn();
    await turn();
    expect(written).toHaveLength(1);
    now = 60_000;
    fails = true;
    used("a");
    await turn();
    await turn();
    now = 120_000;
    used("a");
    await turn();
    await turn();
    expect(written).toEqual([["a", "b"], ["a"], ["a"]]);
  });
});

describe("keys.revoke", () => {
  test("a revoked key is refused by the next request, on every process, over both doors", async () => {
    const other = await startTestService({ DATABASE_URL: service.databaseUrl }, { role: "api" });
    try {
      const { id, key } = await make();
      for (const url of [service.url, other.url]) await as(key, url)("webhooks.list").expect(200);
      const { body } = await post("keys.revoke", { id }).expect(200);
      expect(body).toMatchObject({ id, revoked_at: expect.stringMatching(/Z$/) });
      for (const url of [service.url, other.url])
        for (const operation of ["webhooks.list", "trpc/webhooks.list"])
          await as(key, url)(operation, {}).expect(401);
    } finally {
      await other.stop();
    }
  });

  test("a revoked key that has published a moment ago stores nothing, and learns of nothing but that, over both doors", async () => {
    const published = async () =>
      (await sql.query("select count(*)::integer as n from posthorn.events")).rows[0]?.n as number;
    const event = { type: "message.created", payload: 1 };
    for (const [many, bad] of [
      [{ events: [event] }, { events: [{}] }],
      [{ events: [event, event] }, "no object"],
    ]) {
      const { id, key } = await make({ scope: "publish" });
      await as(key)("events.publish", event).expect(200);
      await as(key)("events.publish_many", many).expect(200);
      await as(key)("events.publish", {}).expect(400);
      const client = createClient({ url: service.url, apiKey: key });
      await client.events.publish.mutate(event);
      await post("keys.revoke", { id }).expect(200);
      const before = await published();
      const refused = { data: { httpStatus: 401, error_code: "unauthorized" } };
      await expect(client.events.publish.mutate(event)).rejects.toMatchObject(refused);
      const badly = client.events.publish.mutate({} as typeof event);
      await expect(badly).rejects.toMatchObject(refused);
      for (const [operation, body] of [
        ["events.publish", event],
        ["events.publish", { ...event, idempotency_key: id }],
        ["events.publish", { type: "no.such", payload: 1 }],
        ["events.publish", {}],
        ["events.publish_many", many],
        ["events.publish_many", bad],
      ] as const) {
        const answer = await as(key)(operation, body);
        expect([operation, answer.status, answer.body.code]).toEqual([
          operation,
          401,
          "unauthorized",
        ]);
        expect(answer.headers["www-authenticate"]).toBe("Bearer");
      }
      expect((await as(key)("events.publish", event).set("X-Tenant", "acme")).status).toBe(401);
      expect(await published()).toBe(before);
    }
  });

  test("a second revoke changes nothing", async () => {
    const { id } = await make();
    const first = await post("keys.revoke", { id }).expect(200);
    const second = await post("keys.revoke", { id }).expect(200);
    expect(second.body).toEqual(first.body);
  });

  test("an unknown key is 404 key_not_found", async () => {
    const { status, body } = await post("keys.revoke", { id: `key_${"0".repeat(32)}` });
    expect([status, body.code]).toEqual([404, "key_not_found"]);
  });
});

describe("keys.* are an admin's alone", () => {
  test.each(["manage", "publish", "read"])("a key of scope %s is 403 there", async (scope) => {
    const { key, id } = await make({ scope });
    const bodies: Record<string, object> = {
      "keys.create": { name: "x", scope: "read" },
      "keys.revoke": { id },
    };
    const operations = [...OPERATIONS.keys()].filter((name) => name.startsWith("keys."));
    expect(operations).toHaveLength(3);
    for (const operation of operations) {
      const { status, body } = await as(key)(operation, bodies[operation] ?? {});
      expect([operation, status, body.code]).toEqual([operation, 403, "forbidden"]);
    }
  });
});
