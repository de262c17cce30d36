// Event types that all tenants share: made by an admin, there for every tenant by both doors.
import { afterAll, beforeAll, expect, test } from "@jest/globals";
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
