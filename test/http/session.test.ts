// Who am I: what a page asks first.
import { afterAll, beforeAll, expect, test } from "@jest/globals";

import { VERSION } from "../../src/kernel/version.ts";
import { PRESET_NAMES } from "../../src/presets/index.ts";
import { caller, type Call } from "../helpers/api.ts";
import { startTestService, type TestService } from "../helpers/service.ts";

const SETTINGS = {
  POSTHORN_RETENTION_D: "20",
  POSTHORN_PAYLOAD_RETENTION_D: "10",
  POSTHORN_IDEMPOTENCY_H: "5",
  POSTHORN_HOLD_H: "6",
  POSTHORN_DISABLE_AFTER_H: "7",
  POSTHORN_UNKNOWN_TYPES: "accept",
  POSTHORN_HTTP: "never",
  POSTHORN_WEBHOOKS_MAX: "8",
  POSTHORN_EGRESS_PROXY: "http://user:a-proxy-password@127.0.0.1:1",
};

let service: TestService;
let post: Call;
beforeAll(async () => {
  service = await startTestService(SETTINGS, { role: "api" });
  post = caller(service, { "X-Tenant": "acme" });
});
afterAll(() => service.stop());

const info = async (key: string, headers: Record<string, string> = {}) =>
  (await caller({ ...service, adminKey: key }, headers)("session.info").expect(200)).body;

test("a key learns its scope, tenant, id, name and expiry, and the service's time and version", async () => {
  const wanted = { name: "<script>alert(1)</script>", scope: "read", tenant: "acme" };
  const expires_at = new Date(Date.now() + 3_600_000).toISOString();
  const { body: made } = await post("keys.create", { ...wanted, expires_at }).expect(200);
  const answer = await caller({ ...service, adminKey: made.key })("session.info").expect(200);
  expect(answer.headers["content-type"]).toMatch(/^application\/json/);
  const { now, settings: _, ...who } = answer.body;
  expect(who).toEqual({
    scope: "read",
    tenant: "acme",
    is_bound: true,
    portal: null,
    key: { id: made.id, name: wanted.name, expires_at },
    version: VERSION,
    sending_held: null,
  });
  expect(Math.abs(Date.parse(now) - Date.now())).toBeLessThan(60_000);
});

test("the admin's key of the configuration has no id, and acts for the tenant that X-Tenant names", async () => {
  const key = { id: null, name: "POSTHORN_ADMIN_KEY", expires_at: null };
  const who = { scope: "admin", is_bound: false, key };
  expect(await info(service.adminKey)).toMatchObject({ ...who, tenant: "default" });
  expect(await info(service.adminKey, { "X-Tenant": "acme" })).toMatchObject({
    ...who,
    tenant: "acme",
  });
});

test("the settings are those that the service runs with, and none of its secrets", async () => {
  const { text, body } = await post("session.info").expect(200);
  expect(body.settings).toMatchObject({
    retention_d: 20,
    payload_retention_d: 10,
    idempotency_h: 5,
    hold_h: 6,
    disable_after_h: 7,
    unknown_types: "accept",
    limits: { webhooks: 8, url: 2_048, headers: 32, waits: 20, timeout_max_ms: 30_000 },
  });
  const presets = body.settings.presets as { name: string; https_only: boolean }[];
  expect(presets.map(({ name }) => name)).toEqual(PRESET_NAMES);
  expect(presets.every(({ https_only }) => https_only)).toBe(true); // POSTHORN_HTTP=never
  expect(presets[0]).toMatchObject({
    timeout_ms: 10_000,
    retry_schedule_s: [5, 30, 120, 600, 1_800, 7_200, 21_600, 43_200, 86_400],
    success: "2xx",
  });
  for (const secret of [service.adminKey, "a-proxy-password", service.databaseUrl])
    expect(text).not.toContain(secret);
});

test("what a limit says is what is held: one more is refused", async () => {
  const { body } = await post("session.info").expect(200);
  const { url, name, waits, signature_key } = body.settings.limits;
  const fields: [string, (length: number) => unknown, number][] = [
    ["url", (length) => "https://example.com/".padEnd(length, "x"), url],
    ["name", (length) => "n".repeat(length), name],
    ["signature_key", (length) => "k".repeat(length), signature_key],
    ["retry_schedule_s", (length) => Array.from({ length }, () => 1), waits],
  ];
  for (const [field, make, max] of fields) {
    const subscribe = (length: number) =>
      post("webhooks.subscribe", { url: "https://example.com/", [field]: make(length) });
    await subscribe(max).expect(200);
    const { body: refusal } = await subscribe(max + 1).expect(400);
    expect(refusal.issues).toMatchObject([{ path: field }]);
  }
});

test("a key to publish is 403", async () => {
  const { body } = await post("keys.create", { name: "x", scope: "publish" }).expect(200);
  await caller({ ...service, adminKey: body.key })("session.info").expect(403);
});
