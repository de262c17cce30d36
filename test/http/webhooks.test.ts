// webhooks.*, over HTTP.
import { randomUUID } from "node:crypto";

import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import pg from "pg";

import { caller, type Call } from "../helpers/api.ts";
import { startTestService, type TestService } from "../helpers/service.ts";

let service: TestService;
let post: Call;
beforeAll(async () => {
  service = await startTestService({}, { role: "api" });
  post = caller(service);
});
afterAll(() => service.stop());

const URL = "http://127.0.0.1:9999/hook";
const ID = "3e639566-29fa-450d-a59f-ae3c25d7260f";

describe("webhooks.subscribe", () => {
  test("without an id makes a webhook with Airy's fields and the defaults", async () => {
    const { status, body } = await post("webhooks.subscribe", { url: URL });
    expect(status).toBe(200);
    expect(body).toEqual({
      id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      name: null,
      status: "Subscribed",
      url: URL,
      headers: {},
      events: [],
      preset: "airy",
      preset_settings: null,
      channels: [],
      has_signature_key: false,
      paused: false,
      health: "ok",
      health_reason: null,
      retry_schedule_s: null,
      timeout_ms: null,
      rate_limit_per_s: null,
      order: "none",
      external_id: null,
      metadata: {},
      resting_until: null,
      created: true,
      warnings: [],
      created_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
      updated_at: expect.any(String),
    });
  });

  test.each(["webhooks.subscribe", "webhooks.update"])(
    "a header named __proto__ is refused by %s, not dropped",
    async (operation) => {
      const { body: made } = await post("webhooks.subscribe", { url: URL });
      const text = `{"id": "${made.id}", "url": "${URL}", "headers": {"A": "1", "__proto__": "x"}}`;
      const { status, body } = await post(operation).type("json").send(text);
      expect([status, body.issues]).toEqual([
        400,
        [{ path: "headers.__proto__", message: expect.stringContaining("reserved") }],
      ]);
    },
  );

  test("with an id replaces all but the signature key, which stays until null removes it", async () => {
    const first = await post("webhooks.subscribe", {
      id: ID,
      url: URL,
      name: "one",
      signature_key: "k",
      events: ["message.*"],
    });
    expect(first.body).toMatchObject({ id: ID, has_signature_key: true });
    const again = await post("webhooks.subscribe", { id: ID, url: URL });
    expect(again.body).toMatchObject({
      id: ID,
      name: null,
      events: [],
      has_signature_key: true,
      created_at: first.body.created_at,
    });
    const unsigned = await post("webhooks.subscribe", { id: ID, url: URL, signature_key: null });
    expect(unsigned.body.has_signature_key).toBe(false);
  });

  test("of one id fifty times at once makes one webhook", async () => {
    const id = "7c9e6679-7425-40de-944b-e07fc1f90ae7";
    const answers = await Promise.all(
      Array.from({ length: 50 }, () => post("webhooks.subscribe", { id, url: URL })),
    );
    expect(new Set(answers.map((answer) => answer.status))).toEqual(new Set([200]));
    const { body } = await post("webhooks.list", { page_size: 200 });
    expect(body.data.filter((webhook: { id: string }) => webhook.id === id)).toHaveLength(1);
  });

  test("of an id that others delete at once subscribes it or finds it, and never fails", async () => {
    const id = "7c9e6679-7425-40de-944b-e07fc1f90ae8";
    const answers = await Promise.all(
      Array.from({ length: 60 }, (_, index) =>
        index % 2 === 0
          ? post("webhooks.subscribe", { id, url: URL })
          : post("webhooks.delete", { id }),
      ),
    );
    const statuses = answers.map((answer) => answer.status);
    expect(new Set(statuses.filter((_, index) => index % 2 === 0))).toEqual(new Set([200]));
    expect(statuses.filter((status) => status !== 200 && status !== 404)).toEqual([]);
  });

  test("shows a generated key once, and a given one never", async () => {
    const generated = await post("webhooks.subscribe", { url: URL, generate_signature_key: true });
    expect(generated.body.signature_key).toMatch(/^[0-9a-f]{64}$/);
    const { body } = await post("webhooks.info", { id: generated.body.id });
    expect(JSON.stringify(body)).not.toContain(generated.body.signature_key);
    for (const preset of ["standard", "messages-dev", "aisoule"]) {
      const id = randomUUID();
      const asked = { id, url: "https://example.com/", preset };
      const first = (await post("webhooks.subscribe", asked).expect(200)).body;
      expect(first.signature_key).toMatch(preset === "standard" ? /^whsec_/ : /^[0-9a-f]{64}$/);
      const again = (await post("webhooks.subscribe", asked).expect(200)).body;
      expect([again.has_signature_key, again.signature_key]).toEqual([true, undefined]);
    }
    const given = await post("webhooks.subscribe", { url: URL, signature_key: "my own secret" });
    expect(JSON.stringify(given.body)).not.toContain("my own secret");
  });

  test.each([
    [{ url: "ftp://example.com" }, "url"],
    [{ url: "http://user:pass@example.com/" }, "url"],
    [{ url: "http://10.0.0.1/" }, "url"],
    [{ url: "http://169.254.169.254/latest" }, "url"],
    [{ url: "http://[::ffff:10.0.0.1]/" }, "url"],
    [{ url: `https://example.com/${"a".repeat(2_048)}` }, "url"],
    [{}, "url"],
    [{ url: URL, preset: "aisoule" }, "url"],
    [{ url: URL, id: "not-a-uuid" }, "id"],
    [{ url: URL, name: "a\0b" }, "name"],
    [{ url: URL, events: ["message.creatd"] }, "events.0"],
    [{ url: URL, events: Array(101).fill("message.*") }, "events"],
    [{ url: URL, channels: [""] }, "channels.0"],
    [{ url: URL, headers: { Host: "x" } }, "headers.Host"],
    [{ url: URL, headers: { "X-A": "a\r\nb" } }, "headers.X-A"],
    [{ url: URL, headers: { "X-A": "********" } }, "headers.X-A"],
    [{ url: URL, signature_key: "" }, "signature_key"],
    [{ url: URL, signature_key: " secret" }, "signature_key"],
    [{ url: URL, signature_key: "secret\n" }, "signature_key"],
    [{ url: URL, headers: { "X-A": "token " } }, "headers.X-A"],
    [{ url: URL, name: " a" }, "name"],
    [{ url: URL, external_id: "a\u00a0" }, "external_id"],
    [{ url: URL, preset: "standard", signature_key: null }, "signature_key"],
    [{ url: URL, signature_key: "a", generate_signature_key: true }, "generate_signature_key"],
    [{ url: URL, preset: "standard", signature_key: "not base64" }, "signature_key"],
    [{ url: URL, retry_schedule_s: [0] }, "retry_schedule_s.0"],
    [{ url: URL, retry_schedule_s: Array(21).fill(1) }, "retry_schedule_s"],
    [{ url: URL, timeout_ms: 30_001 }, "timeout_ms"],
    [{ url: URL, rate_limit_per_s: 0 }, "rate_limit_per_s"],
    [{ url: URL, order: "fifo" }, "order"],
  ])("refuses %j, names the field, and stores nothing", async (body, path) => {
    const before = (await post("webhooks.list", { page_size: 200 })).body.data.length;
    const answer = await post("webhooks.subscribe", body);
    expect([answer.status, answer.body.code]).toEqual([400, "invalid_request"]);
    expect(answer.body.issues[0].path).toBe(path);
    expect((await post("webhooks.list", { page_size: 200 })).body.data).toHaveLength(before);
  });

  test("names the known types when an entry of events is unknown", async () => {
    const { body } = await post("webhooks.subscribe", { url: URL, events: ["message.creatd"] });
    expect(body.message).toContain("message.created");
    expect(body.message).toContain("transfer.created");
  });
});

describe("webhooks.update", () => {
  test("of more webhooks at once than there are connections changes them all", async () => {
    const made = await Promise.all(
      Array.from({ length: 20 }, () => post("webhooks.subscribe", { url: URL })),
    );
    const answers = await Promise.all(
      made.map(({ body }) => post("webhooks.update", { id: body.id, events: ["message.created"] })),
    );
    expect(new Set(answers.map((answer) => answer.status))).toEqual(new Set([200]));
  });

  test("is a patch: left out keeps, a value sets, null clears", async () => {
    const { body: made } = await post("webhooks.subscribe", {
      url: URL,
      name: "n",
      signature_key: "k",
      timeout_ms: 2_000,
      headers: { "X-A": "1" },
    });
    const { body: patched } = await post("webhooks.update", {
      id: made.id,
      timeout_ms: null,
      channels: ["+1555"],
      paused: true,
    });
    expect(patched).toMatchObject({
      name: "n",
      timeout_ms: null,
      channels: ["+1555"],
      paused: true,
      headers: { "X-A": "1" },
      has_signature_key: true,
    });
    const { body: cleared } = await post("webhooks.update", {
      id: made.id,
      signature_key: null,
      name: null,
      headers: null,
      channels: null,
    });
    expect(cleared).toMatchObject({
      name: null,
      channels: [],
      headers: {},
      has_signature_key: false,
      paused: true,
    });
  });

  test("refuses to clear what can't be missing", async () => {
    const { body: made } = await post("webhooks.subscribe", {
      url: "https://example.com/",
      preset: "messages-dev",
    });
    expect(made.signature_key).toEqual(expect.any(String));
    expect((await post("webhooks.update", { id: made.id, url: null })).body.issues[0].path).toBe(
      "url",
    );
    expect(
      (await post("webhooks.update", { id: made.id, signature_key: null })).body.issues[0].path,
    ).toBe("signature_key");
  });

  test("refuses a change of preset that the kept key or URL does not fit", async () => {
    const { body: made } = await post("webhooks.subscribe", {
      url: URL,
      signature_key: "text key",
    });
    expect(
      (await post("webhooks.update", { id: made.id, preset: "standard" })).body.issues[0].path,
    ).toBe("signature_key");
    expect(
      (await post("webhooks.update", { id: made.id, preset: "aisoule" })).body.issues[0].path,
    ).toBe("url");
    expect((await post("webhooks.info", { id: made.id })).body.preset).toBe("airy");
  });

  test("twice at once loses neither change", async () => {
    const { body: made } = await post("webhooks.subscribe", { url: URL });
    await Promise.all([
      post("webhooks.update", { id: made.id, name: "named" }),
      post("webhooks.update", { id: made.id, timeout_ms: 3_000 }),
    ]);
    expect((await post("webhooks.info", { id: made.id })).body).toMatchObject({
      name: "named",
      timeout_ms: 3_000,
    });
  });
});

describe("webhooks.rotate_key", () => {
  const STANDARD_KEY = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";

  test("shows the key that it makes once, in the preset's form, and a given one never", async () => {
    const subscribed = await post("webhooks.subscribe", { url: URL, signature_key: "old" });
    const { body: airy } = await post("webhooks.info", { id: subscribed.body.id });
    delete airy.counters;
    const made = await post("webhooks.rotate_key", { id: airy.id });
    expect(made.status).toBe(200);
    const { signature_key: key, ...webhook } = made.body;
    expect(key).toMatch(/^[0-9a-f]{64}$/);
    expect(webhook).toEqual({ ...airy, updated_at: expect.any(String) });
    const given = await post("webhooks.rotate_key", { id: airy.id, signature_key: "my own key" });
    expect(given.body).toEqual({ ...airy, updated_at: expect.any(String) });
    const { body: standard } = await post("webhooks.subscribe", { url: URL, preset: "standard" });
    const first = await post("webhooks.rotate_key", { id: standard.id });
    expect(first.body.signature_key).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);
  });

  test("gives a webhook without a key its first one", async () => {
    const { body: made } = await post("webhooks.subscribe", { url: URL });
    const { body } = await post("webhooks.rotate_key", { id: made.id, signature_key: "first" });
    expect(body.has_signature_key).toBe(true);
  });

  test.each([
    [{ preset: "airy", signature_key: "old" }, { overlap_s: 60 }, "overlap_s"],
    [{ preset: "standard" }, { overlap_s: 604_801 }, "overlap_s"],
    [{ preset: "standard" }, { overlap_s: -1 }, "overlap_s"],
    [{ preset: "standard" }, { signature_key: "not base64" }, "signature_key"],
    [{ preset: "airy" }, { signature_key: "" }, "signature_key"],
    [{ preset: "airy" }, { signature_key: "secret\t" }, "signature_key"],
    [{ preset: "airy" }, { overlap: 60 }, "overlap"],
  ])("on %j refuses %j, names the field, and keeps the key", async (settings, input, path) => {
    const { body: made } = await post("webhooks.subscribe", { url: URL, ...settings });
    const answer = await post("webhooks.rotate_key", { id: made.id, ...input });
    expect([answer.status, answer.body.issues[0].path]).toEqual([400, path]);
    const { created, warnings, signature_key: generated, ...webhook } = made;
    expect([created, warnings]).toEqual([true, []]);
    expect(typeof generated).toBe(settings.preset === "standard" ? "string" : "undefined");
    expect((await post("webhooks.info", { id: made.id })).body).toMatchObject(webhook);
  });

  test("takes overlap_s 0 from every preset: the new key alone", async () => {
    for (const preset of ["airy", "standard"]) {
      const { body: made } = await post("webhooks.subscribe", { url: URL, preset });
      const { status } = await post("webhooks.rotate_key", { id: made.id, overlap_s: 0 });
      expect(status).toBe(200);
    }
  });

  test("stores the key it replaces sealed, for as long as that one still signs", async () => {
    const { body: made } = await post("webhooks.subscribe", {
      url: URL,
      preset: "standard",
      signature_key: STANDARD_KEY,
    });
    await post("webhooks.rotate_key", { id: made.id });
    const client = new pg.Client({ connectionString: service.databaseUrl });
    await client.connect();
    const { rows } = await client.query<{ row: string; sealed: Buffer }>(
      "select w::text as row, previous_key_sealed as sealed from posthorn.webhooks as w where id = $1",
      [made.id],
    );
    await client.end();
    expect(rows[0]?.sealed).toBeInstanceOf(Buffer);
    expect(rows[0]?.row).not.toContain(STANDARD_KEY);
    expect(rows[0]?.sealed.toString("latin1")).not.toContain(STANDARD_KEY);
  });
});

describe("webhooks.unsubscribe, list, info and delete", () => {
  test("unsubscribe says so, twice the same, and subscribe takes the webhook back", async () => {
    const { body: made } = await post("webhooks.subscribe", { url: URL });
    for (let time = 0; time < 2; time++)
      expect((await post("webhooks.unsubscribe", { id: made.id })).body.status).toBe(
        "Unsubscribed",
      );
    expect((await post("webhooks.subscribe", { id: made.id, url: URL })).body.status).toBe(
      "Subscribed",
    );
  });

  test("pages come newest first, each webhook once, and a cursor opens its own list only", async () => {
    const tenant = caller(service, { "X-Tenant": "paging" });
    const ids: string[] = [];
    for (let number = 0; number < 5; number++)
      ids.unshift((await tenant("webhooks.subscribe", { url: URL })).body.id);
    const seen: string[] = [];
    let cursor: string | null | undefined;
    do {
      const { body } = await tenant("webhooks.list", {
        page_size: 2,
        ...(cursor ? { cursor } : {}),
      });
      seen.push(...body.data.map((webhook: { id: string }) => webhook.id));
      cursor = body.pagination_data.next_cursor as string | null;
      if (cursor && seen.length === 2) {
        expect((await post("webhooks.list", { cursor })).body.code).toBe("invalid_cursor"); // another tenant's
        expect((await tenant("webhooks.list", { cursor, status: "Subscribed" })).body.code).toBe(
          "invalid_cursor",
        );
        expect((await tenant("events.list", { cursor })).body.code).toBe("invalid_cursor");
        expect((await tenant("webhooks.list", { cursor: `${cursor}x` })).body.code).toBe(
          "invalid_cursor",
        );
      }
    } while (cursor);
    expect(seen).toEqual(ids);
  });

  test("filters by status and channel", async () => {
    const tenant = caller(service, { "X-Tenant": "filters" });
    const { body: a } = await tenant("webhooks.subscribe", { url: URL, channels: ["+1"] });
    const { body: b } = await tenant("webhooks.subscribe", { url: URL });
    await tenant("webhooks.unsubscribe", { id: b.id });
    const listed = async (filter: object) =>
      (await tenant("webhooks.list", filter)).body.data.map(
        (webhook: { id: string }) => webhook.id,
      );
    expect(await listed({ channel: "+1" })).toEqual([a.id]);
    expect(await listed({ status: "Unsubscribed" })).toEqual([b.id]);
    expect(await listed({ health: "failing" })).toEqual([]);
  });

  test("a deleted webhook is unknown at once, and its id makes a new one with nothing of the old", async () => {
    const { body: made } = await post("webhooks.subscribe", { url: URL, signature_key: "k" });
    expect((await post("webhooks.delete", { id: made.id })).body).toEqual({});
    for (const operation of ["webhooks.info", "webhooks.delete", "webhooks.unsubscribe"])
      expect([operation, (await post(operation, { id: made.id })).body.code]).toEqual([
        operation,
        "webhook_not_found",
      ]);
    const { body: anew } = await post("webhooks.subscribe", { id: made.id, url: URL });
    expect(anew.has_signature_key).toBe(false);
    expect((await post("webhooks.info", { id: made.id })).body.counters).toEqual({
      delivered: 0,
      dead: 0,
      pending: 0,
      last_success_at: null,
      last_failure_at: null,
    });
  });

  test("another tenant's webhook answers exactly as one that does not exist", async () => {
    const { body: made } = await post("webhooks.subscribe", { url: URL });
    const other = caller(service, { "X-Tenant": "other" });
    for (const operation of [
      "webhooks.info",
      "webhooks.delete",
      "webhooks.unsubscribe",
      "webhooks.update",
      "webhooks.rotate_key",
    ]) {
      const foreign = await other(operation, { id: made.id });
      const unknown = await other(operation, { id: "00000000-0000-4000-8000-000000000000" });
      expect(foreign.status).toBe(404);
      expect(foreign.body.code).toBe(unknown.body.code);
      expect(foreign.body.message.replace(made.id, "")).toBe(
        unknown.body.message.replace("00000000-0000-4000-8000-000000000000", ""),
      );
    }
    expect(
      (await other("webhooks.subscribe", { id: made.id, url: URL, name: "theirs" })).status,
    ).toBe(200);
    expect((await post("webhooks.info", { id: made.id })).body.name).toBeNull();
  });

  test("no more than POSTHORN_WEBHOOKS_MAX of twenty that are subscribed at once", async () => {
    const other = await startTestService(
      { DATABASE_URL: service.databaseUrl, POSTHORN_WEBHOOKS_MAX: "5" },
      { role: "api" },
    );
    try {
      const tenant = caller(other, { "X-Tenant": "crowded" });
      const answers = await Promise.all(
        Array.from({ length: 20 }, () => tenant("webhooks.subscribe", { url: URL })),
      );
      const statuses = answers.map(({ status }) => status).sort();
      expect(statuses).toEqual([...Array(5).fill(200), ...Array(15).fill(409)]);
    } finally {
      await other.stop();
    }
  });

  test("no more webhooks than POSTHORN_WEBHOOKS_MAX, and room again after a delete", async () => {
    const small = await startTestService(
      { DATABASE_URL: service.databaseUrl, POSTHORN_WEBHOOKS_MAX: "1" },
      { role: "api" },
    );
    const tenant = caller(small, { "X-Tenant": "small" });
    const { body: made } = await tenant("webhooks.subscribe", { url: URL });
    expect((await tenant("webhooks.subscribe", { url: URL })).body.code).toBe("too_many_webhooks");
    expect((await tenant("webhooks.subscribe", { id: made.id, url: URL })).status).toBe(200);
    await tenant("webhooks.delete", { id: made.id });
    expect((await tenant("webhooks.subscribe", { url: URL })).status).toBe(200);
    await small.stop();
  });

  test("signature keys and header values stand in no table as they are", async () => {
    await post("webhooks.subscribe", {
      url: URL,
      signature_key: "canary-key-4711",
      headers: { "X-Token": "canary-header-4711" },
    });
    const client = new pg.Client({ connectionString: service.databaseUrl });
    await client.connect();
    const { rows: tables } = await client.query<{ name: string }>(
      "select format('%I.%I', schemaname, tablename) as name from pg_tables where schemaname = 'posthorn'",
    );
    for (const { name } of tables) {
      const { rows } = await client.query<{ found: number }>(
        `select count(*)::int as found from ${name} as t where t::text like '%canary-%'`,
      );
      expect([name, rows[0]?.found]).toEqual([name, 0]);
    }
    await client.end();
  });
});

describe("what may be a mistake is told by the answer", () => {
  const url = "https://example.com/warned";

  test("a prefix that takes in no type, at subscribe and at update", async () => {
    const events = ["mesage.*", "message.*", "webhook.*"];
    const { body } = await post("webhooks.subscribe", { url, events }).expect(200);
    expect(body.created).toBe(true);
    expect(body.warnings).toEqual([expect.stringMatching(/^events\.0: "mesage\.\*" takes in no/)]);
    const again = await post("webhooks.subscribe", { id: body.id, url }).expect(200);
    expect(again.body).toMatchObject({ created: false, warnings: [] });
    const change = { id: body.id, events: ["message.created", "nothing.*"] };
    const updated = await post("webhooks.update", change).expect(200);
    expect(updated.body.warnings).toEqual([expect.stringMatching(/^events\.1: "nothing\.\*"/)]);
    expect((await post("webhooks.update", { id: body.id, name: "n" })).body.warnings).toEqual([]);
  });

  test("a tenant that nobody has named before, once; one that was published to is known", async () => {
    const as = (tenant: string) => caller(service, { "X-Tenant": tenant });
    const first = await as("mistyped")("webhooks.subscribe", { url }).expect(200);
    expect(first.body.warnings).toEqual([expect.stringContaining('"mistyped" was never named')]);
    expect((await as("mistyped")("webhooks.subscribe", { url })).body.warnings).toEqual([]);
    await as("published")("events.publish", { type: "message.created", payload: 1 }).expect(200);
    expect((await as("published")("webhooks.subscribe", { url })).body.warnings).toEqual([]);
  });
});
