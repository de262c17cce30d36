// The preset custom from its subscribe to the receiver, and back in what the service tells of it.
import { createHash, createHmac } from "node:crypto";

import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";

import { caller, until, type Call } from "../helpers/api.ts";
import { startInbox, type Inbox } from "../helpers/inbox.ts";
import { startTestService, type TestService } from "../helpers/service.ts";
import { typed } from "../helpers/terminal.ts";

const SHOPIFY = {
  signature_header: "X-Shopify-Hmac-Sha256",
  id_header: "X-Shopify-Webhook-Id",
  encoding: "base64",
};
const WHOLE = { ...SHOPIFY, timestamp_header: null, prefix: "", signed: "body", envelope: "raw" };
const GITHUB = { signature_header: "X-Hub-Signature-256", prefix: "sha256=" };
const WHOLE_GITHUB = { ...WHOLE, ...GITHUB, id_header: null, encoding: "hex" };
const CUSTOM = { preset: "custom", preset_settings: SHOPIFY, signature_key: "shpss_secret" };

let service: TestService;
let inbox: Inbox;
let post: Call;
let tenants = 0;

beforeAll(async () => {
  [service, inbox] = await Promise.all([startTestService(), startInbox()]);
});
afterAll(async () => {
  await inbox.close();
  await service.stop();
});

const newTenant = () => (post = caller(service, { "X-Tenant": `custom-${++tenants}` }));
const subscribe = async (fields: object = CUSTOM) =>
  (await post("webhooks.subscribe", { url: inbox.url, ...fields }).expect(200)).body;
const update = (id: string, fields: object) => post("webhooks.update", { id, ...fields });
const sign = (body: string, key = CUSTOM.signature_key) =>
  createHmac("sha256", key).update(body).digest("base64");

test("a receiver gets its own form by publish and by test, and the service shows each attempt as it was sent", async () => {
  newTenant();
  const { id, preset_settings } = await subscribe();
  expect(preset_settings).toEqual(WHOLE);
  const before = inbox.requests.length;
  const payload = { order: 1.5, "text ü": "a" };
  const { id: event } = (
    await post("events.publish", { type: "message.created", payload }).expect(200)
  ).body;
  const [sent] = (await inbox.arrived(before + 1)).slice(before);
  expect(sent?.body).toBe(JSON.stringify(payload));
  expect(sent?.headers).toMatchObject({
    "webhook-id": event,
    "x-shopify-webhook-id": event,
    "x-shopify-hmac-sha256": sign(sent?.body ?? ""),
  });
  const tested = (await post("webhooks.test", { id }).expect(200)).body;
  const sample = inbox.requests.at(-1);
  expect(sample?.headers["x-shopify-hmac-sha256"]).toBe(sign(sample?.body ?? ""));
  expect(tested).toMatchObject({ body_is: "as_sent", request_body: sample?.body, status: 200 });

  // The form that came later says nothing of what was sent before it.
  const changed = { preset_settings: { ...GITHUB, envelope: "airy" } };
  await update(id, changed).expect(200);
  const [delivery] = await until(
    async () => (await post("deliveries.list", { event_id: event }).expect(200)).body.data,
    ([one]) => one?.status === "delivered",
  );
  const again = (await post("deliveries.retry", { id: delivery.id }).expect(200)).body;
  await until(
    async () => (await post("deliveries.info", { id: again.id }).expect(200)).body,
    ({ status }) => status === "delivered",
  );
  const shown = (await post("deliveries.info", { id: delivery.id }).expect(200)).body.attempts[0];
  expect(shown).toMatchObject({
    body_is: "as_sent",
    body_sha256: createHash("sha256")
      .update(sent?.body ?? "")
      .digest("hex"),
    request_headers: { "X-Shopify-Webhook-Id": event, "X-Shopify-Hmac-Sha256": "********" },
  });
  const later = (await post("deliveries.info", { id: again.id }).expect(200)).body.attempts[0];
  expect(later).toMatchObject({
    body_is: "as_sent",
    request_headers: { "X-Hub-Signature-256": "********" },
  });
  expect(later.request_headers).not.toHaveProperty("X-Shopify-Webhook-Id");
  expect(JSON.parse(later.request_body)).toMatchObject({ type: "message.created", payload });
});

test("settings are kept until they, or the preset, are changed, and the history tells of each", async () => {
  newTenant();
  const { id } = await subscribe();
  const settings = async () => (await post("webhooks.info", { id }).expect(200)).body;
  await update(id, { name: "mine", preset: "custom" }).expect(200);
  expect(await settings()).toMatchObject({ preset: "custom", preset_settings: WHOLE });
  await update(id, { preset_settings: GITHUB }).expect(200);
  expect(await settings()).toMatchObject({ preset: "custom", preset_settings: WHOLE_GITHUB });
  await update(id, { preset_settings: WHOLE_GITHUB }).expect(200); // as it is: no change
  await update(id, { preset: "airy" }).expect(200);
  expect(await settings()).toMatchObject({ preset: "airy", preset_settings: null });
  await update(id, { preset_settings: null }).expect(200);
  const { data } = (await post("webhooks.history", { id }).expect(200)).body;
  expect(data.map(({ changes }: { changes: unknown }) => changes)).toEqual([
    [
      { field: "preset", from: "custom", to: "airy" },
      { field: "preset_settings", from: WHOLE_GITHUB, to: null },
    ],
    [{ field: "preset_settings", from: WHOLE, to: WHOLE_GITHUB }],
    [{ field: "name", from: null, to: "mine" }],
    expect.arrayContaining([{ field: "preset_settings", from: null, to: WHOLE }]),
  ]);
  const { body: replaced } = await post("webhooks.subscribe", { id, url: inbox.url });
  expect(replaced).toMatchObject({ preset: "airy", preset_settings: null, created: false });
});

test("what export prints, import takes: with the settings, by NDJSON and by CSV", async () => {
  newTenant();
  const tenant = `custom-${tenants}`;
  const { id } = await subscribe();
  const env = { POSTHORN_URL: service.url, POSTHORN_KEY: service.adminKey };
  const { out } = await typed(["webhooks", "export", "--tenant", tenant], { env });
  expect(JSON.parse(out)).toMatchObject({ id, preset: "custom", preset_settings: WHOLE });
  const { readFileOf } = await import("../../src/cli/webhooks/import-file.ts");
  expect(readFileOf(out)).toMatchObject({ lines: [{ item: { preset_settings: WHOLE } }] });
  const cell = JSON.stringify(GITHUB).replaceAll('"', '""');
  const csv = `id,url,preset,preset_settings\n${id},${inbox.url},custom,"${cell}"\n`;
  const { lines, faults } = readFileOf(csv);
  expect([faults, lines[0]?.item["preset_settings"]]).toEqual([[], GITHUB]);
});

describe("bad settings are refused in words, and change nothing:", () => {
  const settings = (fields: object) => ({ preset: "custom", preset_settings: fields });
  const header = (name: string) => settings({ signature_header: name });
  test.each<[string, object, string, RegExp]>([
    ["custom without settings", { preset: "custom" }, "preset_settings", /signature_header/],
    ["null for them", { ...CUSTOM, preset_settings: null }, "preset_settings", /signature_header/],
    ["settings without custom", { preset_settings: GITHUB }, "preset_settings", /preset custom/],
    [
      "settings of another preset",
      { preset: "svix", preset_settings: GITHUB },
      "preset_settings",
      /preset svix has none/,
    ],
    ["no header", settings({}), "preset_settings.signature_header", /needed/],
    [
      "a header that is sent anyway",
      header("webhook-ID"),
      "preset_settings.signature_header",
      /already/,
    ],
    ["the content type", header("Content-Type"), "preset_settings.signature_header", /already/],
    ["framing", header("Content-Length"), "preset_settings.signature_header", /reserved/],
    ["a proxy's", header("X-Forwarded-For"), "preset_settings.signature_header", /reserved/],
    ["no token", header("X Signature"), "preset_settings.signature_header", /not a header name/],
    ["a line's end", header("X-S\r\nX-T"), "preset_settings.signature_header", /not a header name/],
    ["a long name", header("x".repeat(257)), "preset_settings.signature_header", /256/],
    [
      "one header for two",
      settings({ ...GITHUB, id_header: "x-hub-signature-256" }),
      "preset_settings.id_header",
      /signature_header, too/,
    ],
    [
      "one of its own headers",
      { ...settings(GITHUB), headers: { "x-Hub-signature-256": "mine" } },
      "headers.x-Hub-signature-256",
      /preset_settings name/,
    ],
    [
      "another encoding",
      settings({ ...GITHUB, encoding: "hexx" }),
      "preset_settings.encoding",
      /did you mean hex/,
    ],
    [
      "another text",
      settings({ ...GITHUB, signed: "id.body" }),
      "preset_settings.signed",
      /one of body/,
    ],
    [
      "another envelope",
      settings({ ...GITHUB, envelope: "svix" }),
      "preset_settings.envelope",
      /one of raw/,
    ],
    [
      "a prefix with a line's end",
      settings({ ...GITHUB, prefix: "a\n" }),
      "preset_settings.prefix",
      /visible ASCII/,
    ],
    [
      "a prefix after a space",
      settings({ ...GITHUB, prefix: " a" }),
      "preset_settings.prefix",
      /visible ASCII/,
    ],
    [
      "a misspelt field",
      settings({ ...GITHUB, prefx: "a" }),
      "preset_settings.prefx",
      /did you mean `prefix`/,
    ],
  ])("%s", async (_what, fields, path, message) => {
    newTenant();
    const asked = { url: inbox.url, ...fields };
    const refused = { issues: [{ path, message: expect.stringMatching(message) }] };
    expect((await post("webhooks.subscribe", asked).expect(400)).body).toMatchObject(refused);
    const { body: many } = await post("webhooks.subscribe_many", { webhooks: [asked] }).expect(400);
    expect(many.issues).toMatchObject([{ path: `webhooks.0.${path}` }]);
    expect((await post("webhooks.list").expect(200)).body.data).toEqual([]);
    const { id } = await subscribe({});
    expect((await update(id, fields).expect(400)).body).toMatchObject(refused);
  });

  test("settings that name a header which the webhook has as its own", async () => {
    newTenant();
    const { id } = await subscribe({ headers: { "X-Hub-Signature-256": "mine" } });
    const { body } = await update(id, settings(GITHUB)).expect(400);
    expect(body.issues).toMatchObject([{ path: "headers.X-Hub-Signature-256" }]);
    await update(id, { ...settings(GITHUB), headers: null }).expect(200);
    await update(id, { headers: { "X-Hub-Signature-256": "mine" } }).expect(400);
  });
});
