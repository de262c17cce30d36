// The log's line for each request to the API.
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import request from "supertest";

import { createLog, type LogLevel } from "../../src/kernel/log.ts";
import { caller, until } from "../helpers/api.ts";
import { startTestService, type TestService } from "../helpers/service.ts";

type Line = { msg: string } & Record<string, unknown>;

const services: TestService[] = [];
const linesOf: Record<string, Line[]> = { debug: [], info: [] };

beforeAll(async () => {
  for (const level of ["debug", "info"] as LogLevel[]) {
    const write = (line: string) => void linesOf[level]?.push(JSON.parse(line) as Line);
    services.push(await startTestService({}, { role: "api", log: createLog(level, { write }) }));
  }
});
afterAll(async () => {
  for (const service of services) await service.stop();
});

const requests = (level = "debug") =>
  (linesOf[level] ?? []).filter(({ msg }) => msg === "a request");

test("at debug each request is one line with its ids, at info none", async () => {
  for (const service of services) {
    const post = caller(service, { "X-Request-Id": "mine-1", "X-Tenant": "acme" });
    const event = { type: "message.created", payload: "CANARY" };
    const { body } = await post("events.publish", event).expect(200);
    await post("events.info", { id: "evt_0" }).expect(400);
    await request(service.url).post("/webhooks.list").expect(401);
    const batch = "/trpc/webhooks.list,session.info?batch=1";
    await request(service.url).get(batch).set("X-API-Key", service.adminKey).expect(200);
    await request(service.url).get("/healthz").expect(200);
    if (service !== services[0]) continue;
    await until(
      () => Promise.resolve(requests()),
      (found) => found.length === 4,
    );
    const took_ms = expect.any(Number);
    const known = { request_id: "mine-1", tenant: "acme", key_id: "admin", took_ms };
    expect(requests()).toEqual([
      expect.objectContaining({
        operation: "events.publish",
        status: 200,
        ids: [body.id],
        ...known,
      }),
      expect.objectContaining({ operation: "events.info", status: 400, ...known }),
      expect.objectContaining({ operation: "webhooks.list", status: 401, took_ms }),
      expect.objectContaining({ operation: "trpc/webhooks.list,session.info", tenant: "default" }),
    ]);
    expect(JSON.stringify(linesOf)).not.toMatch(/CANARY|test_[0-9a-f]{8}/);
  }
  expect(requests("info")).toEqual([]);
});
