// What an admin sees of all tenants.
import { afterAll, beforeAll, expect, test } from "@jest/globals";

import { OPERATIONS } from "../../src/rpc/router.ts";
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

const everywhere = () => of("*");
type Row = { id: string; tenant?: string };

test.each([
  ["webhooks.list", "webhook"],
  ["events.list", "event"],
] as const)(
  "%s reads over all tenants for X-Tenant: *, and says whose each is",
  async (name, kind) => {
    const { body } = await everywhere()(name).expect(200);
    const found = body.data.map(({ id, tenant }: Row) => [id, tenant]);
    expect(found).toEqual(TENANTS.toReversed().map((tenant) => [made[tenant]?.[kind], tenant]));
    const first = (await everywhere()(name, { page_size: 1 }).expect(200)).body;
    const cursor = first.pagination_data.next_cursor;
    const second = (await everywhere()(name, { page_size: 1, cursor }).expect(200)).body;
    expect([...first.data, ...second.data]).toEqual(body.data);
    await of("acme")(name, { cursor }).expect(400);
    const own = (await of("acme")(name).expect(200)).body.data;
    expect(own.map(({ id, tenant }: Row) => [id, tenant])).toEqual([
      [made["acme"]?.[kind], undefined],
    ]);
  },
);

test("deliveries.list reads over all tenants, by any filter but that of one webhook's id alike", async () => {
  const { body } = await everywhere()("deliveries.list", { status: "pending" }).expect(200);
  expect(body.data.map(({ tenant }: Row) => tenant)).toEqual(["globex", "acme"]);
  const webhook_id = made["acme"]?.webhook;
  const ofOne = (await everywhere()("deliveries.list", { webhook_id }).expect(200)).body.data;
  expect(ofOne.map(({ tenant }: Row) => tenant)).toEqual(["acme"]);
  const none = await everywhere()("deliveries.list", { type: "of.no.tenant" }).expect(200);
  expect(none.body.data).toEqual([]);
});

test("find says of an id, a name and a channel of whichever tenant whose it is", async () => {
  const found = async (q: string) => (await everywhere()("find", { q }).expect(200)).body.data;
  expect(await found(made["globex"]?.event ?? "")).toMatchObject([
    { kind: "event", id: made["globex"]?.event, tenant: "globex" },
  ]);
  expect(await found("of acme")).toMatchObject([{ kind: "webhook", tenant: "acme" }]);
  expect(await found("+1555")).toMatchObject([{ kind: "channel", id: "+1555" }]);
});

test("the shared types are listed, and no tenant's own", async () => {
  await of("acme")("event_types.create", { name: "acme.own" }).expect(200);
  const { body } = await everywhere()("event_types.list", { page_size: 200 }).expect(200);
  const names = body.data.map(({ name }: { name: string }) => name);
  expect(names).toContain("message.created");
  expect(names).not.toContain("acme.own");
});

test("every other operation is of one tenant: it answers 400, and names those that are not", async () => {
  const over = [
    "deliveries.list",
    "event_types.list",
    "events.list",
    "find",
    "stats.overview",
    "stats.webhook",
    "stats.webhooks",
    "webhooks.list",
  ];
  for (const { name, meta } of OPERATIONS.values()) {
    if (name === "portal.exchange") continue; // it has no key, and so no tenant
    const { since: _, ...request } = meta.request as { since?: string }; // the example's day is over
    const { status, body } = await everywhere()(name, request);
    if (over.includes(name))
      expect([name, [200, 404]]).toEqual([name, expect.arrayContaining([status])]); // the example names a webhook
    else {
      expect([name, status]).toEqual([name, 400]);
      for (const each of over) expect(body.issues[0].message).toContain(each);
    }
  }
});

test("a tenant's key reads over no other", async () => {
  const { body } = await of("acme")("keys.create", { name: "x", scope: "read" }).expect(200);
  const own = caller({ ...service, adminKey: body.key }, { "X-Tenant": "*" });
  for (const name of ["events.list", "deliveries.list", "webhooks.list"])
    await own(name).expect(403);
});
