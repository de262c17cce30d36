// What goes out compressed, and what does not.
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import pg from "pg";

import { ask as askAnybody } from "../helpers/ask.ts";
import { startTestService, type TestService } from "../helpers/service.ts";

const TYPE = "message.created";
const BROWSER = "gzip, deflate, br, zstd";

let service: TestService;
beforeAll(async () => {
  service = await startTestService({}, { role: "api" });
  const client = new pg.Client({ connectionString: service.databaseUrl });
  await client.connect();
  // A few of some bytes, and for another tenant a page of 4 MiB, of what does not shrink to nothing.
  await client.query(
    `select posthorn.publish($1, to_json(n::text), tenant => 'few') from generate_series(1, 20) as n`,
    [TYPE],
  );
  await client.query(
    `select posthorn.publish($1, to_json((select string_agg(md5(n || ' ' || m), '😀') from generate_series(1, 5000) as m)),
      tenant => 'large') from generate_series(1, 20) as n`,
    [TYPE],
  );
  await client.end();
});
afterAll(() => service.stop());

const ask = (path: string, tenant: string, accepted: string | undefined, body?: object) => {
  const headers = { "X-API-Key": service.adminKey, "X-Tenant": tenant };
  return askAnybody(`${service.url}/${path}`, { ...headers, "Accept-Encoding": accepted }, body);
};

describe("what is read", () => {
  const codings: [string | undefined, string | undefined][] = [
    ["br", BROWSER],
    ["gzip", "gzip, deflate"],
    ["gzip", "br;q=0, gzip;q=0.1"],
    [undefined, "zstd"],
    [undefined, undefined],
  ];

  test.each(codings)("goes out as %s to who takes %s, by both doors", async (coding, accepted) => {
    const input = encodeURIComponent(JSON.stringify({ 0: {}, 1: {} }));
    for (const [path, body] of [
      ["events.list", {}],
      [`trpc/events.list,events.list?batch=1&input=${input}`, undefined],
    ] as const) {
      const plain = await ask(path, "few", "identity", body);
      const answer = await ask(path, "few", accepted, body);
      expect([answer.status, answer.headers["content-encoding"]]).toEqual([200, coding]);
      expect(answer.headers.vary).toContain("Accept-Encoding");
      expect(answer.text).toBe(plain.text);
      expect(answer.headers["content-length"]).toBe(String(answer.bytes));
      if (coding) expect(answer.bytes).toBeLessThan(plain.bytes / 2);
    }
  });

  test.each(["br", "gzip"])(
    "as a page of megabytes goes out as %s, and is whole",
    async (coding) => {
      const body = { with_payload: true };
      const plain = await ask("events.list", "large", "identity", body);
      expect(plain.bytes).toBeGreaterThan(3 * 1024 * 1024);
      const answer = await ask("events.list", "large", coding, body);
      expect(answer.headers["content-encoding"]).toBe(coding);
      expect(answer.bytes).toBeLessThan(plain.bytes * 0.7);
      expect(answer.text === plain.text).toBe(true); // told apart, it would be printed
    },
  );

  test("and is small goes out as it is", async () => {
    const { status, headers } = await ask("events.list", "nobody", BROWSER, {});
    expect([status, headers["content-encoding"]]).toEqual([200, undefined]);
  });
});

describe("what writes, and may show a secret once, is never compressed: its length would tell of that", () => {
  const url = `https://receiver.example/${"x".repeat(1_500)}`;

  test("subscribe with a key that is made, by both doors", async () => {
    const body = { url, generate_signature_key: true };
    for (const path of ["webhooks.subscribe", "trpc/webhooks.subscribe"]) {
      const { status, headers, text, bytes } = await ask(path, "few", BROWSER, body);
      expect([path, status, headers["content-encoding"]]).toEqual([path, 200, undefined]);
      expect(text).toMatch(/"signature_key":"[^"]{20,}"/);
      expect(bytes).toBeGreaterThan(1_500);
    }
  });

  test("nor is a batch that has such a call beside reads", async () => {
    const path = "trpc/events.list,webhooks.subscribe?batch=1";
    const body = { 0: {}, 1: { url, generate_signature_key: true } };
    const { status, headers, text } = await ask(path, "few", BROWSER, body);
    expect([status, headers["content-encoding"]]).toEqual([200, undefined]);
    expect(text).toContain(`"signature_key":"`);
  });

  test("and no operation that only reads shows one", async () => {
    const { text } = await ask("webhooks.list", "few", "identity", {});
    expect(text).toContain("has_signature_key");
    expect(text).not.toContain(`"signature_key":`);
  });
});
