// What an admin sees of all tenants.
import { afterAll, beforeAll, expect, test } from "@jest/globals";

import { caller, type Call } from "../helpers/api.ts";
import { startTestService, type TestService } from "../helpers/service.ts";

const TENANTS = ["acme", "globex"];

let service: TestService;
let admin: Call;
const made: Record<string, { webhook: string; event: string }> = {};
const of = (tenant: string) => caller(service, { "X-Tenant": tenant });

beforeAll(async () => {
  service = await startTestService({}, { role: "api" });
  admin = caller(service);
  for (const tenant of TENANTS) {
    const subscribed = await of(tenant)("webhooks.subscribe", {
      url: "http://127.0.0.1:9/hooks",
      name: `of ${tenant}`,
    }).expect(200);
    const event = { type: "message.created", payload: { tenant }, channel: "+1555" };
    const { body } = await of(tenant)("events.publish", event).expect(200);
    made[tenant] = { webhook: subscribed.body.id, event: body.id };
  }
});
afterAll(() => service.stop());

test("admins list tenants page by page, each with its webhooks and backlog", async () => {
  const first = (await admin("tenants.list", { page_size: 1 }).expect(200)).body;
  expect(first.data).toEqual([
    { name: "acme", webhooks: 1, backlog: 1, oldest_due_at: expect.any(String), dead_24h: 0 },
  ]);
  const cursor = first.pagination_data.next_cursor;
  const { body } = await admin("tenants.list", { cursor }).expect(200);
  expect(body.data.map(({ name }: { name: string }) => name)).toEqual(["default", "globex"]);
  await admin("tenants.list", { cursor: "nonsense" }).expect(400);
});

test.each(["manage", "read", "publish"])("a %s key lists no tenants", async (scope) => {
  const { body } = await of("acme")("keys.create", { name: "x", scope }).expect(200);
  await caller({ ...service, adminKey: body.key })("tenants.list").expect(403);
});
