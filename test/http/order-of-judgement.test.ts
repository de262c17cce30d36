// What a request is refused for, and in which order.
import { once } from "node:events";
import { connect } from "node:net";

import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import request from "supertest";

import { ERROR_STATUS } from "../../src/kernel/errors.ts";
import { OPERATIONS } from "../../src/rpc/router.ts";
import { START_PATH } from "../../src/http/docs.ts";
import { caller, type Call } from "../helpers/api.ts";
import { startTestService, type TestService } from "../helpers/service.ts";

// The first 12 digits are the milliseconds since 1970; after the last there is no later one that a UUID could say.
const IDS_OF_ODD_TIMES = [
  "0".repeat(32),
  `7${"f".repeat(31)}`,
  `${"f".repeat(11)}e${"f".repeat(20)}`,
  `${"f".repeat(12)}${"0".repeat(20)}`,
  "f".repeat(32),
];

let service: TestService;
let post: Call;
beforeAll(async () => {
  service = await startTestService({}, { role: "api" });
  post = caller(service);
});
afterAll(() => service.stop());

const raw = (path: string) => request(service.url).post(path);

describe("a request is judged in the contract's order", () => {
  test("an unknown operation is 404, whatever the method, key and body", async () => {
    for (const method of ["get", "post", "put", "delete"] as const) {
      const answer = await request(service.url)[method]("/webhooks.subscrib");
      expect(answer.status).toBe(404);
      expect(answer.body.code).toBe("unknown_operation");
    }
  });

  test("a path that can't be decoded is 404, in the one shape", async () => {
    const answer = await raw("/%E0%A4%A");
    expect([answer.status, answer.body.code]).toEqual([404, "unknown_operation"]);
  });

  test("another method than POST is 405 and says so in Allow, before any key is asked for", async () => {
    const answer = await request(service.url).get("/webhooks.list");
    expect(answer.status).toBe(405);
    expect(answer.headers["allow"]).toBe("POST");
    expect(answer.body.code).toBe("method_not_allowed");
  });

  test.each(["/healthz", "/readyz", "/openapi.yaml", "/docs", START_PATH])(
    "%s is read alone: another method is 405 and says so in Allow",
    async (path) => {
      for (const method of ["post", "put", "delete", "options"] as const) {
        const answer = await request(service.url)[method](path);
        expect([answer.status, answer.body.code]).toEqual([405, "method_not_allowed"]);
        expect(answer.headers["allow"]).toBe("GET, HEAD");
      }
      for (const method of ["get", "head"] as const)
        expect((await request(service.url)[method](path)).status).toBe(200);
    },
  );

  test("no key and a wrong key are 401, before the body is looked at", async () => {
    const none = await raw("/events.publish")
      .set("Content-Type", "text/plain")
      .send("x".repeat(2_000_000));
    expect([none.status, none.body.code]).toEqual([401, "unauthorized"]);
    expect(none.headers["www-authenticate"]).toBe("Bearer");
    const wrong = await raw("/events.publish").set("X-API-Key", "phk_admin_wrong").send({});
    expect([wrong.status, wrong.body.code]).toEqual([401, "unauthorized"]);
  });

  test("a key in the URL is no key", async () => {
    const answer = await raw(`/webhooks.list?api_key=${service.adminKey}&key=${service.adminKey}`);
    expect(answer.status).toBe(401);
  });

  test("a body that is not JSON by its type is 415, one that is too large 413, one that is broken 400", async () => {
    const typed = await post("webhooks.list").set("Content-Type", "text/plain").send("{}");
    expect([typed.status, typed.body.code]).toEqual([415, "unsupported_media_type"]);
    const latin = await post("webhooks.list")
      .set("Content-Type", "application/json; charset=latin1")
      .send("{}");
    expect(latin.status).toBe(415);
    const large = await post("events.publish", {
      type: "message.created",
      payload: "x".repeat(1_100_000),
    });
    expect([large.status, large.body.code]).toEqual([413, "body_too_large"]);
    const broken = await post("webhooks.list")
      .set("Content-Type", "application/json")
      .send('{"secret": "hunter2"');
    expect([broken.status, broken.body.code]).toEqual([400, "invalid_request"]);
    expect(JSON.stringify(broken.body)).not.toContain("hunter2");
  });

  test("a body that says it is too large is refused before it has come", async () => {
    const client = connect(Number(new URL(service.url).port), "127.0.0.1");
    client.write(
      `POST /webhooks.list HTTP/1.1\r\nHost: posthorn\r\nX-API-Key: ${service.adminKey}\r\nContent-Type: application/json\r\nContent-Length: 10000000000\r\n\r\n{`,
    );
    const [answer] = (await once(client, "data")) as [Buffer];
    client.destroy();
    expect(answer.toString()).toMatch(/^HTTP\/1\.1 413 /);
  });

  test("publish_many takes 16 MiB, and no more", async () => {
    const events = Array.from({ length: 60 }, () => ({
      type: "message.created",
      payload: "x".repeat(200_000),
    }));
    expect((await post("events.publish_many", { events })).status).toBe(200);
    const more = [...events, ...events.slice(0, 25)];
    expect((await post("events.publish_many", { events: more })).status).toBe(413);
  });

  test("no body is an empty object, and both key headers do", async () => {
    const answer = await raw("/webhooks.list").set("X-API-Key", service.adminKey);
    expect([answer.status, answer.body.data]).toEqual([200, []]);
    expect(
      (await raw("/webhooks.list").set("Authorization", `bearer ${service.adminKey}`)).status,
    ).toBe(200);
  });
});

describe("every operation", () => {
  test.each([...OPERATIONS.keys()])(
    "%s refuses an unknown field, names it, and answers in the one shape",
    async (name) => {
      const answer = await post(name, { "no-such-field": 1 });
      expect(answer.status).toBe(400);
      expect(answer.body).toMatchObject({ code: "invalid_request", message: expect.any(String) });
      expect(JSON.stringify(answer.body.issues)).toContain("no-such-field");
    },
  );

  test.each([...OPERATIONS.keys()])("%s answers hostile bodies with 400", async (name) => {
    const bodies = [
      "[]",
      "null",
      "1",
      '"x"',
      '{"__proto__": {"x": 1}}',
      '{"id": {"$gt": 1}}',
      `${"[".repeat(20_000)}${"]".repeat(20_000)}`,
      '{"id": "\\ud800"}',
    ];
    for (const body of bodies) {
      const answer = await post(name).set("Content-Type", "application/json").send(body);
      expect([body.slice(0, 30), answer.status]).toEqual([body.slice(0, 30), 400]);
      expect(ERROR_STATUS[answer.body.code as keyof typeof ERROR_STATUS]).toBe(400);
    }
  });

  test.each([...OPERATIONS.keys()])(
    "%s knows no id of the first or the last time that an id can say, and is not at fault",
    async (name) => {
      for (const prefix of ["evt", "dlv", "att", "rpl", "key"])
        for (const hex of IDS_OF_ODD_TIMES) {
          const { status, body } = await post(name, { id: `${prefix}_${hex}` });
          expect([400, 404]).toContain(status);
          expect(ERROR_STATUS[body.code as keyof typeof ERROR_STATUS]).toBe(status);
        }
    },
  );

  test("deliveries.list has none for an event of such a time", async () => {
    for (const hex of IDS_OF_ODD_TIMES) {
      const answer = await post("deliveries.list", { event_id: `evt_${hex}` });
      expect([answer.status, answer.body.data]).toEqual([200, []]);
    }
  });

  test.each(["\uFEFF{}", '{"page_size": 5, "page_size": 6}'])(
    "a body that JSON readers take is taken: %j",
    async (body) => {
      expect(
        (await post("webhooks.list").set("Content-Type", "application/json").send(body)).status,
      ).toBe(200);
    },
  );

  test("bytes that are not UTF-8 are 400", async () => {
    const answer = await post("webhooks.list")
      .set("Content-Type", "application/json")
      .serialize((body) => body as unknown as string)
      .send(Buffer.from([0x7b, 0xff, 0x7d]));
    expect([answer.status, answer.body.message]).toEqual([400, "the body is not UTF-8"]);
  });
});

describe("what needs no key", () => {
  test("health, readiness, the description and its page are served, with headers that keep others out", async () => {
    expect((await request(service.url).get("/healthz")).body).toEqual({ status: "ok" });
    expect((await request(service.url).get("/readyz")).body).toEqual({ status: "ready" });
    const yaml = await request(service.url).get("/openapi.yaml");
    expect(yaml.text).toContain("openapi: 3.1.0");
    const page = await request(service.url).get("/docs");
    expect(page.headers["content-security-policy"]).toContain("frame-ancestors 'none'");
    expect(page.headers["x-content-type-options"]).toBe("nosniff");
    expect(page.headers["x-powered-by"]).toBeUndefined();
    const [, bundle] = /src="(docs\/swagger-ui-bundle[^"]+)"/.exec(page.text) ?? [];
    expect((await request(service.url).get(`/${bundle}`)).status).toBe(200);
    expect((await request(service.url).get("/docs/")).headers["location"]).toBe("../docs");
    expect((await request(service.url).get("/docs/..%2f..%2fpackage.json")).status).toBe(404);
  });
});
