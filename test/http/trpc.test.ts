// /trpc as clients other than tRPC's own may use it.
import { gzipSync } from "node:zlib";

import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import pino from "pino";
import request from "supertest";

import { connect } from "../../src/database/connect.ts";
import { createKey } from "../../src/store/keys.ts";
import { silentLog } from "../../src/kernel/log.ts";
import { startTestService, type TestService } from "../helpers/service.ts";

let service: TestService;
const logged: string[] = [];
beforeAll(async () => {
  const log = pino({ level: "debug" }, { write: (line: string) => void logged.push(line) });
  service = await startTestService({}, { role: "api", log });
});
afterAll(() => service.stop());

const ask = (method: "get" | "post" | "put" | "trace", path: string) =>
  request(service.url)[method](`/trpc/${path}`).set("X-API-Key", service.adminKey);

const refusal = (body: { error: { data: Record<string, unknown> } }) => [
  body.error.data["httpStatus"],
  body.error.data["code"],
  body.error.data["error_code"],
];

describe("what can't be read over /trpc is the caller's error, told in tRPC's envelope", () => {
  test.each([
    ["JSON that is broken", "application/json", '{"url": canary-5e1f}'],
    ["JSON that ends early", "application/json", '{"url": "canary-5e1f'],
    ["bytes that are not UTF-8", "application/json", Buffer.from([0x7b, 0xff, 0x7d])],
  ])("%s is 400", async (_what, type, body) => {
    const answer = await ask("post", "webhooks.subscribe")
      .set("Content-Type", type)
      .serialize((text) => text as string)
      .send(body);
    expect(answer.status).toBe(400);
    expect(refusal(answer.body)).toEqual([400, "BAD_REQUEST", "invalid_request"]);
    expect(answer.text).not.toContain("canary");
  });

  test.each(["multipart/form-data; boundary=x", "application/octet-stream", "text/plain"])(
    "a body of type %s is 415",
    async (type) => {
      const answer = await ask("post", "events.publish").set("Content-Type", type).send("x");
      expect(refusal(answer.body)).toEqual([
        415,
        "UNSUPPORTED_MEDIA_TYPE",
        "unsupported_media_type",
      ]);
    },
  );

  test("an input in the URL that is not JSON is 400", async () => {
    const answer = await ask("get", "webhooks.list?input=%7Bcanary-5e1f");
    expect(refusal(answer.body)).toEqual([400, "BAD_REQUEST", "invalid_request"]);
    expect(answer.text).not.toContain("canary");
  });

  test("a path that can't be decoded is 400, and JSON by its type", async () => {
    const answer = await ask("get", "%E0%A4%A");
    expect(refusal(answer.body)).toEqual([400, "BAD_REQUEST", "invalid_request"]);
    expect(answer.headers["content-type"]).toContain("application/json");
  });

  test("a Host that is none is 400", async () => {
    const answer = await ask("get", "webhooks.list").set("Host", "a b[");
    expect(refusal(answer.body)).toEqual([400, "BAD_REQUEST", "invalid_request"]);
  });

  test("methods other than GET and POST are 405", async () => {
    for (const method of ["put", "trace"] as const) {
      const answer = await ask(method, "webhooks.list");
      expect(answer.status).toBe(405);
      expect(answer.headers["allow"]).toBe("GET, POST");
    }
    const change = await ask("get", "webhooks.subscribe");
    expect([change.status, change.headers["allow"]]).toEqual([405, "POST"]);
  });

  test("an unknown operation is 404, whatever the method", async () => {
    for (const method of ["get", "post", "put"] as const)
      expect(refusal((await ask(method, "webhooks.subscrib")).body)).toEqual([
        404,
        "NOT_FOUND",
        "unknown_operation",
      ]);
  });

  test("none of it is in the log", () => {
    expect(logged.filter((line) => /canary|"level":(50|60)/.test(line))).toEqual([]);
  });
});

describe("both doors judge alike", () => {
  test("a read without a body is a read without an input, by GET and by POST", async () => {
    for (const method of ["get", "post"] as const) {
      const answer = await ask(method, "webhooks.list");
      expect([answer.status, answer.body.result?.data.data]).toEqual([200, []]);
      expect(answer.headers["cache-control"]).toBe("no-store");
    }
  });

  test("a body is not looked at without a key, whatever its type", async () => {
    for (const type of ["text/plain", "multipart/form-data; boundary=x", "application/json"]) {
      const answer = await request(service.url)
        .post("/trpc/events.publish,events.publish?batch=1")
        .set("Content-Type", type)
        .send("x".repeat(2_000_000));
      expect(answer.status).toBe(401);
      expect(answer.headers["www-authenticate"]).toBe("Bearer");
      expect(answer.body.map(refusal)).toEqual(
        Array(2).fill([401, "UNAUTHORIZED", "unauthorized"]),
      );
    }
  });

  test("a body of more than 1 MiB is 413, but for publish_many", async () => {
    const events = Array.from({ length: 10 }, () => ({
      type: "message.created",
      payload: "x".repeat(200_000),
    }));
    const large = await ask("post", "events.publish").send({ events });
    expect(refusal(large.body)).toEqual([413, "PAYLOAD_TOO_LARGE", "body_too_large"]);
    expect((await ask("post", "events.publish_many").send({ events })).status).toBe(200);
  });

  test("a compressed body is read", async () => {
    const answer = await fetch(`${service.url}/trpc/webhooks.list`, {
      method: "POST",
      headers: {
        "X-API-Key": service.adminKey,
        "Content-Type": "application/json",
        "Content-Encoding": "gzip",
      },
      body: gzipSync('{"page_size": 1}'),
    });
    expect(answer.status).toBe(200);
  });

  test("a key whose scope does not reach is FORBIDDEN", async () => {
    const read = await makeKey("read");
    const answer = await request(service.url)
      .post("/trpc/webhooks.subscribe")
      .set("X-API-Key", read)
      .send({ url: "https://example.com/" });
    expect([answer.status, ...refusal(answer.body)]).toEqual([403, 403, "FORBIDDEN", "forbidden"]);
  });
});

async function makeKey(scope: "read"): Promise<string> {
  const { db, close } = connect(service.databaseUrl, { name: "test", max: 1, log: silentLog });
  const made = await createKey(db, { name: "test", scope, tenant: "default", expiresAt: null });
  await close();
  return made?.key ?? "";
}
