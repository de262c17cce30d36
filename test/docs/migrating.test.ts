// docs/migrating: what each page says makes its file, is run against what it is for, and the file is imported.
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import http from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

import { afterAll, beforeAll, expect, test } from "@jest/globals";
import pg from "pg";
import type { EndpointOut } from "svix";

import { testWith } from "../helpers/programs.ts";
import { SECRETS_KEY, startTestService, type TestService } from "../helpers/service.ts";
import { typed } from "../helpers/terminal.ts";

const ID = "0b9e0f2c-6a1d-4f0e-9c53-0a4de9a6f001";
const WHSEC = `whsec_${Buffer.alloc(24, 7).toString("base64")}`;
const withJq = testWith({ jq: ["--version"], curl: ["--version"] });

let service: TestService;
let folder: string;
let sender: http.Server;
let senderUrl: string;

// What the other systems answer, by the path that is asked.
const answers: Record<string, unknown> = {
  "/webhooks.list": {
    data: [{ id: ID, name: "a crm", url: "https://receiver.example/airy", status: "Subscribed" }],
  },
  "/api/v1/app/app_1/endpoint?limit=100": {
    data: [endpoint("ep_1", { filterTypes: ["message.created"], channels: ["shop"] })],
    done: false,
    iterator: "ep_1",
  },
  "/api/v1/app/app_1/endpoint?limit=100&iterator=ep_1": { data: [endpoint("ep_2")], done: true },
  "/api/v1/app/app_1/endpoint/ep_1/secret": { key: WHSEC },
  "/api/v1/app/app_1/endpoint/ep_2/secret": { key: WHSEC },
  "/api/v1/app/app_1/endpoint/ep_1/headers": { headers: { "X-Team": "a" }, sensitive: [] },
  "/api/v1/app/app_1/endpoint/ep_2/headers": { headers: {}, sensitive: [] },
};

function endpoint(id: string, more: Partial<EndpointOut> = {}): EndpointOut {
  const at = new Date(0);
  const url = `https://receiver.example/${id}`;
  return {
    id,
    url,
    description: "",
    metadata: {},
    version: 1,
    createdAt: at,
    updatedAt: at,
    ...more,
  };
}

beforeAll(async () => {
  service = await startTestService();
  folder = await mkdtemp(join(tmpdir(), "posthorn-migrating-"));
  sender = http.createServer(({ url = "", headers }, response) => {
    const isKnown = url in answers && headers.authorization === "Bearer a token";
    response.writeHead(isKnown ? 200 : 404).end(JSON.stringify(answers[url] ?? {}));
  });
  await new Promise<void>((resolve) => sender.listen(0, "127.0.0.1", resolve));
  senderUrl = `http://127.0.0.1:${(sender.address() as AddressInfo).port}`;
});
afterAll(async () => {
  sender.close();
  await rm(folder, { recursive: true });
  await service.stop();
});

async function snippet(page: string, language: string): Promise<string> {
  const text = await readFile(new URL(`../../docs/migrating/${page}`, import.meta.url), "utf8");
  return text.split(`\`\`\`${language}\n`)[1]?.split("\n```")[0] ?? "";
}

const inFolder = (program: string, args: string[], env: Record<string, string> = {}) =>
  promisify(execFile)(program, args, { cwd: folder, env: { PATH: process.env["PATH"], ...env } });

/** Imports the file into the tenant, and answers its webhooks as they are exported. */
async function imported(tenant: string): Promise<Record<string, unknown>[]> {
  const env = {
    POSTHORN_URL: service.url,
    POSTHORN_KEY: service.adminKey,
    DATABASE_URL: service.databaseUrl,
    POSTHORN_SECRETS_KEY: SECRETS_KEY,
  };
  const run = (...args: string[]) => typed(["webhooks", ...args, "--tenant", tenant], { env });
  const done = await run("import", join(folder, "webhooks.ndjson"));
  expect(done).toMatchObject({ code: 0 });
  const { out } = await run("export", "--with-keys");
  return out
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
}

test("the example of a line is one that can be imported", async () => {
  const line = JSON.parse((await snippet("README.md", "json")).replace("whsec_…", WHSEC)) as object;
  await writeFile(join(folder, "webhooks.ndjson"), JSON.stringify(line));
  expect(await imported("readme")).toMatchObject([line]);
});

test("Svix's endpoints become webhooks under their own secrets, the same however often it runs", async () => {
  await writeFile(join(folder, "export.mjs"), await snippet("svix.md", "js"));
  const env = { SVIX_TOKEN: "a token", SVIX_URL: senderUrl };
  const [first, again] = await Promise.all(
    [1, 2].map(() => inFolder(process.execPath, ["export.mjs", "app_1"], env)),
  );
  expect(first?.stdout).toBe(again?.stdout);
  await writeFile(join(folder, "webhooks.ndjson"), first?.stdout ?? "");
  const all = { preset: "svix", paused: true, signature_key: WHSEC };
  expect(
    (await imported("svix")).sort((a, b) => (String(a["url"]) < String(b["url"]) ? -1 : 1)),
  ).toMatchObject([
    {
      ...all,
      external_id: "ep_1",
      events: ["message.created"],
      channels: ["shop"],
      headers: { "X-Team": "a" },
    },
    { ...all, external_id: "ep_2", events: [], channels: [] },
  ]);
});

withJq("Airy's list becomes webhooks", async () => {
  const env = { AIRY_URL: senderUrl, AIRY_TOKEN: "a token", AIRY_SIGNATURE_KEY: "a secret" };
  await inFolder("sh", ["-c", await snippet("airy.md", "sh")], env);
  expect(await imported("airy")).toMatchObject([
    { id: ID, name: "a crm", preset: "airy", paused: true, signature_key: "a secret" },
  ]);
});

withJq("a list of subscriptions becomes webhooks of AiMessage, each on its line", async () => {
  const subscription = {
    id: ID,
    url: "https://receiver.example/a",
    secret: "a secret",
    line: "+1555",
  };
  await writeFile(join(folder, "subscriptions.json"), JSON.stringify([subscription]));
  await inFolder("sh", ["-c", await snippet("three-presets.md", "sh")]);
  expect(await imported("aimessage")).toMatchObject([
    { id: ID, preset: "aimessage", signature_key: "a secret", channels: ["+1555"], events: [] },
  ]);
});

test("a table of one's own becomes webhooks by one query", async () => {
  const client = new pg.Client({ connectionString: service.databaseUrl });
  await client.connect();
  await client.query(
    `create temp table subscriptions (id uuid, customer text, url text, secret text, events text[], active boolean)`,
  );
  await client.query(
    `insert into subscriptions values ('${ID}', 'customer 1', 'https://receiver.example/own', 'a secret', '{message.created}', true),
       (gen_random_uuid(), 'gone', 'https://receiver.example/gone', 'a secret', '{}', false)`,
  );
  const [, query = ""] = /-XAtc "([^"]*)"/.exec(await snippet("own-table.md", "sh")) ?? [];
  const { rows } = await client.query<string[]>({ text: query, rowMode: "array" });
  await client.end();
  const lines = rows.map(([line]) => JSON.stringify(line));
  await writeFile(join(folder, "webhooks.ndjson"), lines.join("\n"));
  expect(await imported("own")).toMatchObject([
    {
      id: ID,
      external_id: "customer 1",
      events: ["message.created"],
      signature_key: "a secret",
      paused: true,
    },
  ]);
});
