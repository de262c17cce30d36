// /metrics: who may read it, and that it tells what the process and its database do.
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";

import { OPERATIONS } from "../../src/rpc/router.ts";
import { caller, until, type Call } from "../helpers/api.ts";
import { ask } from "../helpers/ask.ts";
import { startInbox, type Inbox } from "../helpers/inbox.ts";
import { scrape, valueOf } from "../helpers/metrics.ts";
import { startTestService, type TestService } from "../helpers/service.ts";

let service: TestService;
let worker: TestService;
let inbox: Inbox;
let post: Call;
let key: string;

beforeAll(async () => {
  service = await startTestService({}, { role: "api" });
  worker = await startTestService(
    { DATABASE_URL: service.databaseUrl, POSTHORN_ADMIN_KEY: service.adminKey },
    { role: "worker" },
  );
  inbox = await startInbox();
  post = caller(service);
  key = (await post("keys.create", { name: "prometheus", scope: "metrics" }).expect(200)).body.key;
});
afterAll(async () => {
  await worker.stop();
  await service.stop();
  await inbox.close();
});

describe("who may scrape", () => {
  const statusOf = async (headers: Record<string, string>, url = service.url) =>
    (await ask(`${url}/metrics`, headers)).status;

  test.each(["api", "worker"])("of posthorn %s: a metrics key and an admin's", async (role) => {
    const { url } = role === "api" ? service : worker;
    for (const given of [key, service.adminKey])
      expect(await statusOf({ Authorization: `Bearer ${given}` }, url)).toBe(200);
    expect(await statusOf({}, url)).toBe(401);
    expect(await statusOf({ "X-API-Key": `${key}x` }, url)).toBe(401);
    for (const scope of ["manage", "publish", "read"]) {
      const { body } = await post("keys.create", { name: "other", scope }).expect(200);
      expect(await statusOf({ "X-API-Key": body.key }, url)).toBe(403);
    }
  });

  test("a metrics key reaches nothing else", async () => {
    const call = caller({ url: service.url, adminKey: key });
    const withKey = [...OPERATIONS.keys()].filter((name) => name !== "portal.exchange"); // which asks for none
    for (const name of withKey) await call(name, {}).expect(403);
  });

  test("a metrics key belongs to no tenant", async () => {
    const wanted = { name: "x", scope: "metrics", tenant: "acme" };
    const { body } = await post("keys.create", wanted).expect(400);
    expect(body.message).toContain("a metrics key has no tenant");
  });
});

test("what was published, attempted, claimed and written down is counted, each where it is done", async () => {
  await post("webhooks.subscribe", { url: inbox.url, preset: "aimessage" }).expect(200);
  await post("events.publish", { type: "message.created", payload: 1 }).expect(200);
  await inbox.arrived(1);
  const ofApi = await scrape(service, key);
  expect(valueOf(ofApi, "posthorn_events_published_total", { cell: "home", door: "http" })).toBe(1);
  const success = { outcome: "success", preset: "aimessage" };
  const ofWorker = await until(
    () => scrape(worker, key),
    (text) => valueOf(text, "posthorn_settled_attempts_total") === 1,
  );
  expect(valueOf(ofWorker, "posthorn_attempts_total", success)).toBe(1);
  expect(valueOf(ofWorker, "posthorn_claimed_deliveries_total")).toBe(1);
  expect(valueOf(ofWorker, "posthorn_claim_duration_seconds_count")).toBeGreaterThan(0);
  expect(valueOf(ofWorker, "posthorn_settle_duration_seconds_count")).toBe(1);
  expect(valueOf(ofWorker, "posthorn_attempt_duration_seconds_count")).toBe(1);
  expect(valueOf(ofWorker, "posthorn_publish_to_first_request_seconds_count")).toBe(1);
  expect(valueOf(ofWorker, "posthorn_request_slots")).toBe(256);
  const delivered = { cell: "home", status: "delivered", reason: "" };
  expect(valueOf(ofWorker, "posthorn_deliveries_finished_total", delivered)).toBe(1);
});

test("of all processes one tells the series of the database, so that they can be added up", async () => {
  const texts = [await scrape(service, key), await scrape(worker, key)];
  const home = { cell: "home" };
  const told = texts.map((text) => valueOf(text, "posthorn_reports_database", home));
  expect(told.sort()).toEqual([0, 1]);
  for (const name of ["posthorn_oldest_due_seconds", "posthorn_partitions_ahead"])
    expect(texts.filter((text) => valueOf(text, name, home) !== undefined)).toHaveLength(1);
});
