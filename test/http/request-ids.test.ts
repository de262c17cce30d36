// Each request has a name, by which its caller and the log speak of the same.
import { once } from "node:events";
import { connect } from "node:net";

import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import express from "express";
import pino from "pino";
import request from "supertest";

import { createClient } from "../../src/client/index.ts";
import { dotEndpoints, type Doors } from "../../src/http/dot-endpoints.ts";
import { errorHandler } from "../../src/http/errors.ts";
import { nameRequest } from "../../src/http/request-id.ts";
import { trpcEndpoint } from "../../src/http/trpc.ts";
import { START_PATH } from "../../src/http/docs.ts";
import { startTestService, type TestService } from "../helpers/service.ts";

let service: TestService;
beforeAll(async () => {
  service = await startTestService({}, { role: "api" });
});
afterAll(() => service.stop());

const OWN = "a-caller.s_own-ID.1";
const NEW = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

const ask = (method: "get" | "post", path: string, id?: string) => {
  const asked = request(service.url)[method](path).set("X-API-Key", service.adminKey);
  return id === undefined ? asked : asked.set("X-Request-Id", id);
};

const PATHS = [
  ["post", "/webhooks.list", 200],
  ["post", "/webhooks.info", 400],
  ["post", "/no.such", 404],
  ["get", "/webhooks.list", 405],
  ["get", "/trpc/webhooks.list", 200],
  ["get", "/trpc/webhooks.info", 400],
  ["get", "/trpc/webhooks.list,no.such?batch=1", 207],
  ["get", "/healthz", 200],
  ["get", "/readyz", 200],
  ["get", "/openapi.yaml", 200],
  ["get", "/docs", 200],
  ["get", START_PATH, 200],
  ["get", "/docs/none", 404],
] as const;

describe.each(PATHS)("%s %s", (method, path, status) => {
  test("answers with the caller's X-Request-Id, or a new one, and has it in an error's body", async () => {
    const named = await ask(method, path, OWN);
    expect([named.status, named.headers["x-request-id"]]).toEqual([status, OWN]);
    for (const id of idsIn(named.body)) expect(id).toBe(OWN);
    const unnamed = await ask(method, path);
    expect(unnamed.headers["x-request-id"]).toMatch(NEW);
    const ids = idsIn(unnamed.body);
    for (const id of ids) expect(id).toBe(unnamed.headers["x-request-id"]);
    if (status !== 200) expect(ids).toHaveLength(1);
  });
});

/** The request_id of every error in an answer, by POST or of tRPC. */
function idsIn(body: unknown): unknown[] {
  const bodies = [body].flat() as {
    code?: string;
    request_id?: string;
    error?: { data: { request_id?: string } };
  }[];
  return bodies.flatMap(({ code, request_id, error }) => {
    if (error) return [error.data.request_id];
    return code === undefined ? [] : [request_id];
  });
}

test.each(["", "a b", "a/b", "é", "x".repeat(129), "a,b"])(
  "%j is no X-Request-Id: the answer has a new one",
  async (id) => {
    expect((await ask("post", "/webhooks.list", id)).headers["x-request-id"]).toMatch(NEW);
  },
);

test("one of 128 characters is taken", async () => {
  const id = "x".repeat(128);
  expect((await ask("post", "/webhooks.list", id)).headers["x-request-id"]).toBe(id);
});

test("posthorn/client has it in an error's data", async () => {
  const posthorn = createClient({ url: service.url, apiKey: service.adminKey });
  await expect(
    posthorn.webhooks.info.query({ id: "3e639566-29fa-450d-a59f-ae3c25d7260f" }),
  ).rejects.toMatchObject({ data: { request_id: expect.stringMatching(NEW) } });
});

test.each([
  ["no HTTP", "hello\r\n\r\n", NEW],
  ["two Hosts", `GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\nX-Request-Id: ${OWN}\r\n\r\n`, /^a-/],
  [
    "a strange Expect",
    `GET / HTTP/1.1\r\nHost: a\r\nX-Request-Id: ${OWN}\r\nExpect: x\r\n\r\n`,
    /^a-/,
  ],
  ["CONNECT", `CONNECT a:1 HTTP/1.1\r\nHost: a\r\nX-Request-Id: ${OWN}\r\n\r\n`, /^a-/],
])("%s, refused before the application sees it, has one too", async (_what, bytes, wanted) => {
  const client = connect(Number(new URL(service.url).port), "127.0.0.1").on("error", () => {});
  let answer = "";
  client.setEncoding("utf8").on("data", (text: string) => (answer += text));
  client.write(bytes);
  await once(client, "close");
  const [head = "", body = ""] = answer.split("\r\n\r\n");
  const { request_id } = JSON.parse(body) as { request_id: string };
  expect(request_id).toMatch(wanted);
  expect(head).toContain(`X-Request-Id: ${request_id}\r\n`);
});

test("what goes wrong here is in the log under the request's id, at both doors", async () => {
  const lines: string[] = [];
  const log = pino({}, { write: (line: string) => void lines.push(line) });
  const bug = () => Promise.reject(new Error("a bug"));
  const doors = {
    authenticate: bug,
    admit: bug,
    openAnswer: bug,
    readJson: bug,
    createContext: bug,
  };
  const app = express();
  app.use(nameRequest);
  app.use("/trpc", trpcEndpoint(doors as unknown as Doors, log));
  app.use(dotEndpoints(doors as unknown as Doors));
  app.use(errorHandler(log));
  const posted = await request(app).post("/webhooks.list").set("X-Request-Id", OWN);
  expect([posted.status, posted.body.request_id]).toEqual([500, OWN]);
  const queried = await request(app).get("/trpc/webhooks.list").set("X-Request-Id", `${OWN}2`);
  expect([queried.status, queried.body.error.data.request_id]).toEqual([500, `${OWN}2`]);
  expect(lines.map((line) => JSON.parse(line))).toMatchObject([
    { request_id: OWN, operation: "webhooks.list", code: "internal_error" },
    { request_id: `${OWN}2`, operation: "webhooks.list", code: "internal_error" },
  ]);
});

test("a payload that takes long to judge is in the log under the id of the request that brought it", async () => {
  const lines: string[] = [];
  const log = pino({}, { write: (line: string) => void lines.push(line) });
  const logging = await startTestService({}, { role: "api", log });
  const post = (path: string, body: object) =>
    request(logging.url)
      .post(path)
      .set({ "X-API-Key": logging.adminKey, "X-Request-Id": OWN })
      .send(body);
  await post("/event_types.create", { name: "t", schema: { pattern: "^(a+)+$" } }).expect(200);
  await post("/events.publish", { type: "t", payload: `${"a".repeat(40)}!` }).expect(400);
  await logging.stop();
  const told = lines.filter((line) => line.includes("took long"));
  expect(told.map((line) => JSON.parse(line))).toMatchObject([{ request_id: OWN, type: "t" }]);
});
