// How large an answer may be, and that what is stored goes out as it is.
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import {
  createTRPCClient,
  httpBatchLink,
  httpBatchStreamLink,
  httpLink,
  type TRPCLink,
} from "@trpc/client";
import pg from "pg";
import request from "supertest";

import type { AppRouter } from "../../src/rpc/router.ts";
import { caller, type Call } from "../helpers/api.ts";
import { startTestService, type TestService } from "../helpers/service.ts";

const TYPE = "message.created";
const MIB = 1024 * 1024;
const ANSWER_BYTES_MAX = 4 * MIB + 800 * 1024; // one more item at most, of 256 KiB as JSON and as text

let service: TestService;
let pool: pg.Pool;
beforeAll(async () => {
  service = await startTestService({ POSTHORN_UNKNOWN_TYPES: "accept" }, { role: "api" });
  pool = new pg.Pool({ connectionString: service.databaseUrl, max: 2 });
});
afterAll(async () => {
  await pool.end();
  await service.stop();
});

/** Calls as one tenant, so that each test has its own rows. */
const as = (tenant: string): Call => caller(service, { "X-Tenant": tenant });

const publishMany = (tenant: string, count: number, payload: string) =>
  pool.query(
    `select posthorn.publish($1, $2::text, tenant => $3) from generate_series(1, $4::integer)`,
    [TYPE, payload, tenant, count],
  );

type Page = { data: Record<string, unknown>[]; pagination_data: { next_cursor: string | null } };

/** Every page of a list, each with its size. */
async function readPages(post: Call, operation: string, body: object) {
  const pages: { bytes: number; items: Record<string, unknown>[] }[] = [];
  let cursor: string | null = null;
  do {
    const answer = await post(operation, { ...body, ...(cursor !== null && { cursor }) });
    expect(answer.status).toBe(200);
    const page = answer.body as Page;
    pages.push({ bytes: Buffer.byteLength(answer.text), items: page.data });
    cursor = page.pagination_data.next_cursor;
  } while (cursor !== null);
  return pages;
}

/** That a list of large items came in several pages, none too large, and each item once. */
async function expectBoundedPages(post: Call, operation: string, body: object, total: number) {
  const pages = await readPages(post, operation, { ...body, page_size: 200 });
  expect(pages.length).toBeGreaterThan(1);
  expect(Math.max(...pages.map(({ bytes }) => bytes))).toBeLessThan(ANSWER_BYTES_MAX);
  const keys = pages.flatMap(({ items }) => items.map((item) => item["id"] ?? item["name"]));
  expect(new Set(keys).size).toBe(total);
  expect(keys).toHaveLength(total);
}

describe("a page ends early at 4 MiB and its cursor goes on: nothing is left out, nothing comes twice", () => {
  test("events.list", async () => {
    await publishMany("large-events", 40, JSON.stringify("x".repeat(250_000)));
    await expectBoundedPages(as("large-events"), "events.list", { with_payload: true }, 40);
  });

  test("event_types.list", async () => {
    await pool.query(
      `insert into posthorn.event_types (tenant, name, example, created_at, updated_at)
      select 'large-types', 'a.' || n, to_json(repeat('x', 64000)), now(), now() from generate_series(1, 100) as n`,
    );
    const { rows } = await pool.query(`select from posthorn.event_types where tenant = '*'`);
    await expectBoundedPages(as("large-types"), "event_types.list", {}, 100 + rows.length);
  });

  test("webhooks.list, also where a key sees the headers masked and so its pages are small", async () => {
    const post = as("large-webhooks");
    const names = Array.from({ length: 32 }, (_, index) => `X-Large-${index}`);
    const headers = Object.fromEntries(names.map((name) => [name, "v".repeat(4_000)]));
    for (let n = 0; n < 40; n++)
      await post("webhooks.subscribe", { url: "http://127.0.0.1:9/", headers });
    await expectBoundedPages(post, "webhooks.list", {}, 40);
    const { body } = await post("keys.create", {
      name: "reader",
      scope: "read",
      tenant: "large-webhooks",
    });
    const reading = caller({ ...service, adminKey: body.key });
    await expectBoundedPages(reading, "webhooks.list", {}, 40);
  });

  test("deliveries.info has the last attempts and says that the first ones are left out", async () => {
    const post = as("large-attempts");
    await post("webhooks.subscribe", { url: "http://127.0.0.1:9/" });
    await post("events.publish", { type: TYPE, payload: 1 });
    const { body } = await post("deliveries.list");
    const id: string = body.data[0].id;
    const insertAttempts = (from: number, to: number) =>
      pool.query(
        `insert into posthorn.attempts (tenant, id, delivery_id, webhook_id, webhook_version, number, at, duration_ms,
          worker, response_body)
        select d.tenant, posthorn.uuid_v7(clock_timestamp(), n), d.id, d.webhook_id, w.version, n, now(), 1, 'w',
          repeat(e'\\u0001', 16384)
        from posthorn.deliveries as d join posthorn.webhooks as w using (webhook_id), generate_series($1::integer, $2::integer) as n
        where d.tenant = 'large-attempts'`,
        [from, to],
      );
    await insertAttempts(1, 10);
    const small = await post("deliveries.info", { id });
    expect([small.body.attempts.length, small.body.attempts_left_out]).toEqual([10, false]);
    await insertAttempts(11, 100);
    const large = await post("deliveries.info", { id });
    expect(Buffer.byteLength(large.text)).toBeLessThan(ANSWER_BYTES_MAX);
    const numbers = (large.body.attempts as { number: number }[]).map(({ number }) => number);
    expect(large.body.attempts_left_out).toBe(true);
    expect(numbers.length).toBeGreaterThan(30);
    expect(numbers).toEqual(numbers.map((_, index) => 101 - numbers.length + index));
  });
});

describe("a tRPC batch", () => {
  const batch = (calls: number) =>
    request(service.url)
      .get(`/trpc/${Array(calls).fill("events.list").join(",")}`)
      .query({ batch: 1, input: JSON.stringify({ ...Array(calls).fill(LARGE_PAGE) }) })
      .set({ "X-API-Key": service.adminKey, "X-Tenant": "batched" });
  const LARGE_PAGE = { page_size: 200, with_payload: true };

  test("of ten large pages is no larger than one, but for an item each", async () => {
    await publishMany("batched", 40, JSON.stringify("x".repeat(250_000)));
    const answer = await batch(10);
    expect(answer.status).toBe(200);
    const pages = (answer.body as { result: { data: Page } }[]).map(({ result }) => result.data);
    expect(pages).toHaveLength(10);
    for (const { data, pagination_data } of pages)
      expect([data.length > 0, pagination_data.next_cursor]).toEqual([true, expect.any(String)]);
    expect(Buffer.byteLength(answer.text)).toBeLessThan(ANSWER_BYTES_MAX + 9 * 800 * 1024);
  });

  test("of more than ten calls is 400", async () => {
    const { status, body } = await batch(20);
    expect([status, body.error.data.error_code, body.error.message]).toEqual([
      400,
      "invalid_request",
      expect.stringContaining("10 calls, 20 were found"),
    ]);
  });
});

describe("what is stored is shown as it is", () => {
  const STORED = '{"b": 9007199254740993,\n "a": 1e400, "a": 1.0}';
  let id: string;
  beforeAll(async () => {
    const { rows } = await pool.query(
      `select posthorn.publish($1, $2::text, tenant => 'exact') as id`,
      [TYPE, STORED],
    );
    id = rows[0].id;
  });

  test("events.info has a payload's very text, as JSON and as text, at both doors", async () => {
    const exact = `"payload":${STORED},"payload_text":${JSON.stringify(STORED)}`;
    expect((await as("exact")("events.info", { id })).text).toContain(exact);
    const trpc = await request(service.url)
      .get("/trpc/events.info")
      .query({ input: JSON.stringify({ id }) })
      .set({ "X-API-Key": service.adminKey, "X-Tenant": "exact" });
    expect(trpc.text).toContain(exact);
  });

  test("a large answer is whole, though it goes out in slices that end between any two characters", async () => {
    const post = as("slices");
    const payloads = ["", "a"].map((first) =>
      JSON.stringify(`${first}${"a".repeat(130_900)}${"😀".repeat(200)}`),
    );
    for (const payload of payloads) await publishMany("slices", 1, payload);
    const asked = post("events.list", { with_payload: true });
    const answer = await asked.set("Accept-Encoding", "identity");
    expect(Number(answer.headers["content-length"])).toBe(Buffer.byteLength(answer.text));
    const { data } = answer.body as Page;
    expect(data.map((event) => event["payload_text"]).reverse()).toEqual(payloads);
  });

  test("events.list leaves payloads out, unless it is asked for them", async () => {
    const [bare, full] = [
      await as("exact")("events.list"),
      await as("exact")("events.list", { with_payload: true }),
    ];
    expect(Object.keys(bare.body.data[0])).toEqual([
      "id",
      "type",
      "channel",
      "timestamp",
      "created_at",
    ]);
    expect(full.text).toContain(`"payload":${STORED}`);
  });

  const links: [string, (options: object) => TRPCLink<AppRouter>][] = [
    ["httpLink", (options) => httpLink({ url: "", ...options })],
    ["httpBatchLink", (options) => httpBatchLink({ url: "", ...options })],
    ["httpBatchStreamLink", (options) => httpBatchStreamLink({ url: "", ...options })],
  ];
  test.each(links)(
    "a client of tRPC reads it over its %s, and a refusal too",
    async (_name, link) => {
      const client = createTRPCClient<AppRouter>({
        links: [
          link({
            url: `${service.url}/trpc`,
            headers: { "X-API-Key": service.adminKey, "X-Tenant": "exact" },
          }),
        ],
      });
      const [event, list, unknown] = await Promise.allSettled([
        client.events.info.query({ id }),
        client.events.list.query(),
        client.events.info.query({ id: "evt_00000000000000000000000000000000" }),
      ]);
      expect(event).toMatchObject({ status: "fulfilled", value: { payload_text: STORED } });
      expect(list).toMatchObject({ status: "fulfilled", value: { data: [{ id }] } });
      expect(unknown).toMatchObject({ reason: { data: { error_code: "event_not_found" } } });
    },
  );
});

describe("a tenant's event types are bounded", () => {
  test("an example of more than 64 KiB is 400", async () => {
    const post = as("examples");
    const { status, body } = await post("event_types.create", {
      name: "a.b",
      example: "x".repeat(65_536),
    });
    expect([status, body.issues]).toEqual([
      400,
      [{ path: "example", message: expect.stringContaining("65536 bytes") }],
    ]);
  });

  test("the 1,001st of its own is refused, by create and where a publish would add it", async () => {
    await pool.query(
      `insert into posthorn.event_types (tenant, name, created_at, updated_at)
      select 'full', 'a.' || n, now(), now() from generate_series(1, 1000) as n`,
    );
    const made = await as("full")("event_types.create", { name: "b.c" });
    expect([made.status, made.body.code]).toEqual([409, "too_many_event_types"]);
    const published = await as("full")("events.publish", { type: "b.c", payload: 1 });
    expect([published.status, published.body.message]).toEqual([
      400,
      expect.stringContaining("more than 1,000 event types"),
    ]);
    expect((await as("full")("events.publish", { type: "a.1", payload: 1 })).status).toBe(200);
  });
});
