// What a browser gets: the page of /docs, the files that it is made of, and the same behind a proxy with a path of its own.
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { createTRPCClient, httpBatchLink } from "@trpc/client";
import { parse } from "yaml";

import type { AppRouter } from "../../src/rpc/router.ts";
import { ask } from "../helpers/ask.ts";
import { startPrefixProxy, type PrefixProxy } from "../helpers/prefix-proxy.ts";
import { startTestService, type TestService } from "../helpers/service.ts";

let service: TestService;
let proxy: PrefixProxy;
beforeAll(async () => {
  service = await startTestService({}, { role: "api" });
  proxy = await startPrefixProxy(service.url, "/posthorn");
});
afterAll(async () => {
  await proxy.close();
  await service.stop();
});

/** The addresses of all that a page refers to. */
async function filesOf(page: string): Promise<string[]> {
  const html = await (await fetch(page)).text();
  const links = [...html.matchAll(/(?:href|src)="([^"]+)"/g)].map(([, link = ""]) => link);
  return links.filter((link) => link !== "data:,").map((link) => new URL(link, page).href);
}

describe("the page of /docs", () => {
  test("runs, loads and asks for what lies beside it alone, and nothing inline", async () => {
    const { headers, text } = await ask(`${service.url}/docs`);
    expect(String(headers["content-security-policy"]).split(";")).toEqual([
      "default-src 'none'",
      "script-src 'self'",
      "style-src 'self'",
      "img-src 'self' data:",
      "connect-src 'self'",
      "base-uri 'none'",
      "form-action 'none'",
      "frame-ancestors 'none'",
    ]);
    expect(headers["cache-control"]).toBe("no-store");
    expect(text).not.toMatch(/<style|style=|<script>|\son[a-z]+=/);
  });

  test("refers to files by names that change with what they hold, which may be kept for ever", async () => {
    const files = await filesOf(`${service.url}/docs`);
    expect(files).toHaveLength(3);
    for (const file of files) {
      expect(file).toMatch(/\/docs\/[a-z-]+\.[0-9a-f]{16}\.(js|css)$/);
      const { status, headers } = await ask(file);
      expect([file, status]).toEqual([file, 200]);
      expect(headers).toMatchObject({
        "cache-control": "public, max-age=31536000, immutable",
        "content-security-policy": expect.stringContaining("default-src 'none'"),
        "content-type": expect.stringMatching(/^text\/(javascript|css); charset=utf-8$/),
      });
    }
  });

  test.each(["/docs/swagger-ui.css", "/docs/none", "/docs/swagger-ui.0123456789abcdef.css"])(
    "%s is no file of it",
    async (path) => {
      const { status, headers } = await ask(service.url + path);
      expect([status, headers["cache-control"]]).toEqual([404, "no-store"]);
    },
  );
});

describe("what is kept compressed", () => {
  const files = async () => [
    ...(await filesOf(`${service.url}/docs`)).filter((file) => !file.includes("/start.")),
    `${service.url}/openapi.yaml`,
  ];

  test.each([
    ["br", "gzip, deflate, br, zstd"],
    ["br", "*"],
    ["gzip", "gzip"],
    ["gzip", "gzip, br;q=0"],
    [undefined, "identity"],
    [undefined, undefined],
  ])("goes out as %s to who takes %s, and holds the same", async (coding, accepted) => {
    for (const file of await files()) {
      const plain = await ask(file);
      const answer = await ask(file, { "Accept-Encoding": accepted });
      expect(answer.headers["content-encoding"]).toBe(coding);
      expect(answer.headers.vary).toContain("Accept-Encoding");
      expect(answer.headers["content-type"]).toBe(plain.headers["content-type"]);
      expect(answer.text).toBe(plain.text);
      if (coding) expect(answer.bytes).toBeLessThan(plain.bytes / 3);
    }
  });

  test("is not sent again to who has it, in either coding", async () => {
    for (const file of await files())
      for (const coding of ["br", "gzip", "identity"]) {
        const accepted = { "Accept-Encoding": coding };
        const { headers } = await ask(file, accepted);
        const again = await ask(file, { ...accepted, "If-None-Match": headers.etag });
        expect([again.status, again.bytes]).toEqual([304, 0]);
      }
  });
});

describe("behind a proxy that puts a path before all", () => {
  test("the page, its files and the description are there", async () => {
    for (const page of [`${proxy.url}/docs`, (await fetch(`${proxy.url}/docs/`)).url]) {
      expect(page).toBe(`${proxy.url}/docs`);
      for (const file of await filesOf(page)) {
        expect(file.startsWith(`${proxy.url}/docs/`)).toBe(true);
        expect((await fetch(file)).status).toBe(200);
      }
    }
    expect((await fetch(`${proxy.url}/openapi.yaml`)).status).toBe(200);
  });

  test("the description leads to the operations that stand there", async () => {
    const address = `${proxy.url}/openapi.yaml`;
    const { servers } = parse(await (await fetch(address)).text()) as {
      servers: { url: string }[];
    };
    const base = new URL(servers[0]?.url ?? "", address).href.replace(/\/$/, "");
    const answer = await fetch(`${base}/webhooks.list`, {
      method: "POST",
      headers: { "X-API-Key": service.adminKey },
    });
    expect([answer.status, await answer.json()]).toMatchObject([200, { data: [] }]);
  });

  test("tRPC's client reaches them too", async () => {
    const headers = { "X-API-Key": service.adminKey };
    const links = [httpBatchLink({ url: `${proxy.url}/trpc`, headers })];
    const client = createTRPCClient<AppRouter>({ links });
    expect((await client.webhooks.list.query({})).data).toEqual([]);
  });
});
