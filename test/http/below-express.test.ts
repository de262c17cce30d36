// What is no proper HTTP, and bodies that never end: answered in the one shape, in time.
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { gzipSync } from "node:zlib";

import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import request from "supertest";

import { ERROR_STATUS } from "../../src/kernel/errors.ts";
import { startTestService, type TestService } from "../helpers/service.ts";

let service: TestService;
beforeAll(async () => {
  service = await startTestService({}, { role: "api" });
});
afterAll(() => service.stop());

const dial = (): Socket =>
  connect(Number(new URL(service.url).port), "127.0.0.1").on("error", () => {});

/** Sends bytes as they are, and answers all that comes back until the connection is closed. */
async function exchange(bytes: string): Promise<{ head: string; body: Record<string, string> }> {
  const client = dial();
  let answer = "";
  client.setEncoding("utf8").on("data", (text: string) => (answer += text));
  client.write(bytes);
  await once(client, "close");
  const [head = "", body = ""] = answer.split("\r\n\r\n");
  return { head, body: JSON.parse(body) as Record<string, string> };
}

describe("what Node refuses before the application sees it", () => {
  test.each([
    [400, "invalid_request", "no HTTP at all", "hello\r\n\r\n"],
    [
      400,
      "invalid_request",
      "a header that is none",
      "GET / HTTP/1.1\r\nHost: a\r\nbad header\r\n\r\n",
    ],
    [400, "invalid_request", "no Host", "GET /healthz HTTP/1.1\r\n\r\n"],
    [400, "invalid_request", "two Hosts", "GET /healthz HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"],
    [
      400,
      "invalid_request",
      "both framings",
      "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ],
    [
      417,
      "expectation_failed",
      "a strange Expect",
      "POST /webhooks.list HTTP/1.1\r\nHost: a\r\nExpect: a miracle\r\nContent-Length: 2\r\n\r\n{}",
    ],
    [
      431,
      "headers_too_large",
      "headers of 20 KB",
      `GET / HTTP/1.1\r\nHost: a\r\nX-Long: ${"x".repeat(20_000)}\r\n\r\n`,
    ],
    [405, "method_not_allowed", "CONNECT", "CONNECT example.com:443 HTTP/1.1\r\nHost: a\r\n\r\n"],
  ])("%i %s: %s", async (status, code, _what, bytes) => {
    const { head, body } = await exchange(bytes);
    expect(head).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
    expect(head).toMatch(/^content-type: application\/json/im);
    expect(head).toMatch(/^connection: close$/im);
    expect(body).toEqual({ code, message: expect.any(String), request_id: expect.any(String) });
    expect(ERROR_STATUS[code as keyof typeof ERROR_STATUS]).toBe(status);
  });

  test("has the same security headers as all that is served", async () => {
    const served = await request(service.url).get("/healthz");
    const names = /^(content-security-policy|referrer-policy|cross-origin|origin|x-)/;
    const wanted = Object.entries(served.headers).filter(([name]) => names.test(name));
    expect(wanted.length).toBeGreaterThan(8);
    const { head } = await exchange("hello\r\n\r\n");
    const lines = head.split("\r\n").map((line) => line.toLowerCase());
    for (const [name, value] of wanted)
      if (name !== "x-request-id") expect(lines).toContain(`${name}: ${value}`.toLowerCase());
  });

  test("HTTP/1.0 needs no Host", async () => {
    const { head, body } = await exchange("GET /healthz HTTP/1.0\r\n\r\n");
    expect(head).toMatch(/ 200 /);
    expect(body).toEqual({ status: "ok" });
  });
});

describe("a caller that is refused so, and won't go", () => {
  const refused = [
    "CONNECT example.com:443 HTTP/1.1\r\nHost: a\r\n\r\n",
    "POST /webhooks.list HTTP/1.1\r\nHost: a\r\nExpect: a miracle\r\nContent-Length: 2\r\n\r\n{}",
    "GET /healthz HTTP/1.1\r\n\r\n",
    "hello\r\n\r\n",
  ];

  test.each(refused)("harms nobody by a reset: %j", async (bytes) => {
    for (let n = 0; n < 5; n++) {
      const client = dial();
      client.write(bytes);
      await once(client, "data");
      client.resetAndDestroy();
    }
    await request(service.url).get("/healthz").expect(200);
  });

  test("does not keep the service from ending, by keeping its side open", async () => {
    const own = await startTestService({}, { role: "api" });
    const port = Number(new URL(own.url).port);
    const clients = refused.map((bytes) => {
      const client = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
      client.on("error", () => {}).write(bytes);
      return client.resume();
    });
    await Promise.all(clients.map((client) => once(client, "end")));
    const startedAt = performance.now();
    await own.stop();
    expect(performance.now() - startedAt).toBeLessThan(9_500); // the server's own patience is 10 s
    for (const client of clients) client.destroy();
  });
});

describe("a body in chunks", () => {
  const open = (more = "") => {
    const client = dial();
    client.write(
      `POST /webhooks.list HTTP/1.1\r\nHost: a\r\nX-API-Key: ${service.adminKey}\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n${more}\r\n`,
    );
    return client;
  };
  const chunk = (bytes: Buffer) =>
    Buffer.concat([Buffer.from(`${bytes.length.toString(16)}\r\n`), bytes, Buffer.from("\r\n")]);

  test("is answered 413 as soon as it is above the limit, though it never ends", async () => {
    const client = open();
    client.write(chunk(Buffer.alloc(1024 * 1024 + 1, " ")));
    const [answer] = (await once(client, "data")) as [Buffer];
    expect(answer.toString()).toMatch(/^HTTP\/1\.1 413 [^]*"code":"body_too_large"/);
    client.destroy();
  });

  test("and so is one that is small, and grows when it is decompressed", async () => {
    const client = open("Content-Encoding: gzip\r\n");
    client.write(chunk(gzipSync(Buffer.alloc(64 * 1024 * 1024, " "))));
    const [answer] = (await once(client, "data")) as [Buffer];
    expect(answer.toString()).toMatch(/^HTTP\/1\.1 413 /);
    client.destroy();
  });

  test("one that breaks off leaves the service well", async () => {
    const client = open();
    client.write(chunk(Buffer.from("{")));
    client.resume().end();
    await once(client, "close");
    await request(service.url).get("/healthz").expect(200);
  });

  test("after a 413 the same connection takes the next request", async () => {
    const client = open();
    client.write(chunk(Buffer.alloc(1024 * 1024 + 1, " ")));
    await once(client, "data");
    client.write("0\r\n\r\nGET /healthz HTTP/1.1\r\nHost: a\r\n\r\n");
    const [answer] = (await once(client, "data")) as [Buffer];
    expect(answer.toString()).toMatch(/^HTTP\/1\.1 200 /);
    client.destroy();
  });
});

describe("a compressed body", () => {
  const post = (encoding: string, body: Buffer) =>
    request(service.url)
      .post("/webhooks.list")
      .set({
        "X-API-Key": service.adminKey,
        "Content-Type": "application/json",
        "Content-Encoding": encoding,
      })
      .serialize((bytes) => bytes as unknown as string)
      .send(body);

  test("is read; a broken one is 400, an unknown encoding 415", async () => {
    const packed = gzipSync('{"page_size": 1}');
    expect((await post("gzip", packed)).status).toBe(200);
    expect((await post("gzip", packed.subarray(0, 12))).body.code).toBe("invalid_request");
    expect((await post("gzip", Buffer.from("no gzip"))).body.code).toBe("invalid_request");
    for (const encoding of ["zstd", "constructor"])
      expect((await post(encoding, packed)).body.code).toBe("unsupported_media_type");
  });
});

test("everything that is served has headers that keep others out", async () => {
  for (const path of [
    "/healthz",
    "/readyz",
    "/openapi.yaml",
    "/docs/none",
    "/trpc/webhooks.list",
    "/webhooks.list",
    "/none",
  ]) {
    const { headers } = await request(service.url).get(path);
    expect({ path, ...headers }).toMatchObject({
      path,
      "content-security-policy":
        "default-src 'none';base-uri 'none';form-action 'none';frame-ancestors 'none'",
      "x-frame-options": "DENY",
      "x-content-type-options": "nosniff",
      "referrer-policy": "no-referrer",
    });
    expect(headers["x-powered-by"]).toBeUndefined();
  }
});
