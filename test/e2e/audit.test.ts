// The queries of docs/audit.md and docs/privacy.md, as they stand there.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";

import { afterAll, beforeAll, expect, test } from "@jest/globals";
import pg from "pg";

import type { Attempt, DeliveryInfo } from "../../src/deliveries/schema.ts";
import { caller, until } from "../helpers/api.ts";
import { startInbox, type Inbox } from "../helpers/inbox.ts";
import { ROOT } from "../helpers/process.ts";
import { startTestService, type TestService } from "../helpers/service.ts";

const PAYLOAD = { contact: { email: "jane@example.com" }, text: 'Grüße \\ "x"' };

let service: TestService;
let inbox: Inbox;
let reader: pg.Client;
let event: string;
let webhook: string;
let delivery: DeliveryInfo;

beforeAll(async () => {
  service = await startTestService();
  const post = caller(service);
  let answer = () => {};
  const rotated = new Promise<void>((resolve) => (answer = resolve));
  inbox = await startInbox((_request, number) =>
    number === 0
      ? { status: 500, body: "not now", headers: { "X-Trace": "t-1" }, until: rotated }
      : {},
  );
  const settings = { headers: { "X-Token": "hidden" }, signature_key: "a", retry_schedule_s: [1] };
  webhook = (await post("webhooks.subscribe", { url: inbox.url, ...settings }).expect(200)).body.id;
  const published = { type: "message.created", payload: PAYLOAD, channel: "+15551234567" };
  event = (await post("events.publish", published).expect(200)).body.id;
  await inbox.arrived(1);
  await post("webhooks.rotate_key", { id: webhook, signature_key: "b" }).expect(200);
  answer();
  const found = await until(
    async () => (await post("deliveries.list", { event_id: event })).body.data,
    ([first]) => first.status === "delivered",
  );
  delivery = (await post("deliveries.info", { id: found[0].id }).expect(200)).body;
  // A role with no more rights than the page says.
  const owner = new pg.Client({ connectionString: service.databaseUrl });
  await owner.connect();
  const role = `auditor_${event.slice(-8)}`;
  await owner.query(`create role ${role} login password 'x'`);
  await owner.query(`grant usage on schema posthorn to ${role}`);
  for (const view of ["v_events", "v_deliveries", "v_attempts"])
    await owner.query(`grant select on posthorn.${view} to ${role}`);
  await owner.end();
  reader = await service.connect();
  await reader.query(`set role ${role}`);
});
afterAll(async () => {
  await reader.query("reset role");
  await reader.query(`drop owned by auditor_${event.slice(-8)}`);
  await reader.query(`drop role auditor_${event.slice(-8)}`);
  await service.stop();
  await inbox.close();
});

/** The queries of a page in their order. */
function queriesOf(page: string): string[] {
  const text = readFileSync(join(ROOT, "docs", page), "utf8");
  return [...text.matchAll(/^ *```sql\n([^]*?)^ *```/gm)].map(([, query = ""]) => query);
}
const run = async (query: string) =>
  (
    await reader.query(
      query.replaceAll(":'event'", `'${event}'`).replaceAll(":'webhook'", `'${webhook}'`),
    )
  ).rows;

test("docs/audit.md: what was sent, when, where, signed with which key, and what came back, from SQL alone", async () => {
  const queries = queriesOf("audit.md");
  expect(queries).toHaveLength(5);
  const answers: Record<string, unknown>[][] = [];
  for (const query of queries) answers.push(await run(query)); // one connection takes one at a time
  const [sent, became, bytes, keys, told] = answers;
  const hash = createHash("sha256")
    .update(inbox.requests[0]?.body ?? "")
    .digest("hex");
  const [first, second] = delivery.attempts as [Attempt, Attempt];
  expect(sent).toEqual([
    expect.objectContaining({
      at: new Date(first.at),
      duration_ms: first.duration_ms,
      worker: first.worker,
      webhook_id: webhook,
      number: 1,
      url: inbox.url,
      address: "127.0.0.1",
      preset: "airy",
      custom_headers: { "X-Token": "********" },
      key_version: 1,
      body_sha256: hash,
      status: 500,
      reason: "status",
      response_headers: expect.objectContaining({ "x-trace": "t-1" }),
      response_body: "not now",
    }),
    expect.objectContaining({
      at: new Date(second.at),
      number: 2,
      key_version: 2,
      body_sha256: hash,
      status: 200,
      reason: null,
      response_body: "ok",
    }),
  ]);
  expect(became).toEqual([
    expect.objectContaining({ id: delivery.id, status: "delivered", attempts_made: 2 }),
  ]);
  expect(bytes?.map((row) => [row["text"], row["is_what_was_sent"]])).toEqual(
    inbox.requests.map(({ body }) => [body, true]),
  );
  expect(keys?.map((row) => [row["key_version"], Number(row["requests"])])).toEqual([
    [1, 1],
    [2, 1],
  ]);
  expect(told?.map((row) => [row["event_id"], row["status"]])).toEqual([
    [event, 200],
    [event, 500],
  ]);
});

test("docs/privacy.md: a person's events are found, and the erasures listed", async () => {
  const [byField, byText, one, all] = queriesOf("privacy.md");
  expect(await run(byField ?? "")).toEqual([expect.objectContaining({ id: event })]);
  expect(await run(byText ?? "")).toEqual([expect.objectContaining({ id: event })]);
  await reader.query("reset role");
  await caller(service)("events.erase", { id: event }).expect(200);
  expect(await run((one ?? "").replaceAll("'evt_…'", `'${event}'`))).toHaveLength(1);
  expect(await run(all ?? "")).toEqual([expect.objectContaining({ id: event, tenant: "default" })]);
});
