// Event types that all tenants share: made by an admin, there for every tenant by both doors.
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import pg from "pg";

import { publish } from "../../src/publish/index.ts";
import { caller, type Call } from "../helpers/api.ts";
import { startTestService, type TestService } from "../helpers/service.ts";

let service: TestService;
let admin: Call;
let acme: Call;
let client: pg.Client;
beforeAll(async () => {
  service = await startTestService({}, { role: "api" });
  admin = caller(service);
  acme = caller(service, { "X-Tenant": "acme" });
  client = new pg.Client(service.databaseUrl);
  await client.connect();
});
afterAll(async () => {
  await client.end();
  await service.stop();
});

const namesOf = async (call: Call, body: object = {}) =>
  (await call("event_types.list", { page_size: 200, ...body }).expect(200)).body.data.map(
    ({ name }: { name: string }) => name,
  );

test("a type made for all tenants is subscribed and published by every one, over HTTP and by SQL", async () => {
  const schema = { type: "object", required: ["id"] };
  await admin("event_types.create", { name: "order.created", tenant: "*", schema }).expect(200);
  expect(await namesOf(acme)).toContain("order.created");
  expect(await namesOf(admin, { tenant: "*" })).toContain("order.created");
  const url = "https://receiver.example/";
  await acme("webhooks.subscribe", { url, events: ["order.created"] }).expect(200);
  const event = { type: "order.created", payload: { id: 1 } };
  expect((await acme("events.publish", event).expect(200)).body.deliveries).toBe(1);
  await acme("events.publish", { ...event, payload: {} }).expect(400);
  expect(await publish(client, { ...event, tenant: "one-never-seen" })).toMatch(/^evt_/);
});

test("a tenant's own change of it is its own, and an archived one goes from every list while publishing goes on", async () => {
  await admin("event_types.create", { name: "order.paid", tenant: "*" }).expect(200);
  await acme("event_types.update", { name: "order.paid", description: "ours" }).expect(200);
  await admin("event_types.update", {
    name: "order.paid",
    tenant: "*",
    description: "all's",
  }).expect(200);
  const descriptionOf = async (call: Call) =>
    (await call("event_types.list", { page_size: 200 }).expect(200)).body.data.find(
      ({ name }: { name: string }) => name === "order.paid",
    )?.description;
  expect([await descriptionOf(acme), await descriptionOf(admin)]).toEqual(["ours", "all's"]);

  await admin("event_types.delete", { name: "order.paid", tenant: "*" }).expect(200);
  expect(await namesOf(admin)).not.toContain("order.paid");
  expect(await namesOf(acme)).toContain("order.paid"); // its own
  await admin("events.publish", { type: "order.paid", payload: 1 }).expect(200);
});

test("only an admin changes what all tenants share, and not what is built in", async () => {
  const { body: made } = await admin("keys.create", { name: "m", scope: "manage", tenant: "acme" });
  const manager = caller({ ...service, adminKey: made.key });
  const refused = await manager("event_types.create", { name: "a.b", tenant: "*" }).expect(403);
  expect(refused.body.message).toMatch(/^tenant: the event types of all tenants are an admin's/);
  for (const operation of ["update", "delete"])
    await manager(`event_types.${operation}`, { name: "order.created", tenant: "*" }).expect(403);
  const builtIn = { name: "message.created", tenant: "*" };
  for (const operation of ["update", "delete"]) {
    const { body } = await admin(`event_types.${operation}`, builtIn).expect(400);
    expect(body.issues[0]).toMatchObject({ path: "name" });
  }
  expect((await admin("event_types.create", builtIn).expect(409)).body.code).toBe(
    "event_type_exists",
  );
  await admin("event_types.create", { name: "a.b", tenant: "acme" }).expect(400);
});

describe("event_types.history", () => {
  const historyOf = async (call: Call, name: string, more: object = {}) =>
    (await call("event_types.history", { name, ...more }).expect(200)).body;

  test("tells each change of a type, the newest first, with its schema of then and whose key it was", async () => {
    const { body: key } = await admin("keys.create", {
      ...{ name: "the schema’s author", scope: "manage", tenant: "acme" },
    }).expect(200);
    const author = caller({ url: service.url, adminKey: key.key });
    const [first, second] = [{ type: "object" }, { type: "object", required: ["id"] }];
    await acme("event_types.create", { name: "room.left", schema: first }).expect(200);
    await author("event_types.update", { name: "room.left", schema: second }).expect(200);
    await author("event_types.update", { name: "room.left", schema: second }).expect(200); // changes nothing
    await acme("event_types.delete", { name: "room.left" }).expect(200);
    const { data } = await historyOf(acme, "room.left");
    const byAdmin = { key_id: null, name: "POSTHORN_ADMIN_KEY" };
    const common = {
      at: expect.stringMatching(/Z$/),
      description: null,
      example: null,
      enforce: true,
    };
    expect(data).toEqual([
      { ...common, version: 3, by: byAdmin, schema: second, is_archived: true },
      {
        ...{ ...common, version: 2, schema: second, is_archived: false },
        by: { key_id: key.id, name: "the schema’s author" },
      },
      { ...common, version: 1, by: byAdmin, schema: first, is_archived: false },
    ]);
    const page = await historyOf(acme, "room.left", { page_size: 2 });
    const next = { page_size: 2, cursor: page.pagination_data.next_cursor };
    expect([...page.data, ...(await historyOf(acme, "room.left", next)).data]).toEqual(data);
  });

  test("keeps the last twenty", async () => {
    await acme("event_types.create", { name: "room.named", description: "0" }).expect(200);
    for (let n = 1; n <= 21; n++)
      await acme("event_types.update", { name: "room.named", description: String(n) }).expect(200);
    const { data } = await historyOf(acme, "room.named", { page_size: 200 });
    const versions = data.map(({ version }: { version: number }) => version);
    expect(versions).toEqual(Array.from({ length: 20 }, (_, n) => 22 - n));
  });

  test("of what all tenants share is the same for each until it has its own, and a tenant's is nobody else's", async () => {
    await admin("event_types.create", { name: "room.shared", tenant: "*" }).expect(200);
    expect((await historyOf(acme, "room.shared")).data).toHaveLength(1);
    await acme("event_types.update", { name: "room.shared", description: "acme’s" }).expect(200);
    expect((await historyOf(acme, "room.shared")).data[0].description).toBe("acme’s");
    expect((await historyOf(admin, "room.shared")).data[0].description).toBeNull();
    const [builtIn] = (await historyOf(acme, "message.created")).data;
    expect(builtIn).toMatchObject({ version: 1, by: null });
    await acme("event_types.create", { name: "room.own" }).expect(200);
    await admin("event_types.history", { name: "room.own" }).expect(404);
  });
});
