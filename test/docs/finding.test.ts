// Every snippet of docs/finding.md is run as it stands, but for the ids, times and addresses that are somebody's own.
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";

import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { build } from "esbuild";
import pg from "pg";

import { caller, until } from "../helpers/api.ts";
import { startInbox, type Inbox } from "../helpers/inbox.ts";
import { ROOT } from "../helpers/process.ts";
import { testWith } from "../helpers/programs.ts";
import { startTestService, type TestService } from "../helpers/service.ts";

const run = promisify(execFile);
const page = readFileSync(join(ROOT, "docs/finding.md"), "utf8");
const testIf = testWith({ curl: ["--version"], bash: ["--version"] });

let service: TestService;
let inbox: Inbox;
const ids = { event: "", delivery: "", webhook: "" };
const hour = (from: number) => new Date(Date.now() + from * 3_600_000).toISOString();

beforeAll(async () => {
  service = await startTestService();
  inbox = await startInbox();
  const post = caller(service);
  ids.webhook = (await post("webhooks.subscribe", { url: inbox.url }).expect(200)).body.id;
  const event = { type: "message.created", payload: { order: "A-17" }, idempotency_key: "order-1" };
  ids.event = (await post("events.publish", event).expect(200)).body.id;
  const [delivered] = await until(
    async () => (await post("deliveries.list", { status: "delivered" }).expect(200)).body.data,
    ({ length }) => length === 1,
  );
  ids.delivery = delivered.id;
});
afterAll(async () => {
  await service.stop();
  await inbox.close();
});

/** The page's snippets of a language, about what there is here. */
function snippets(language: string): string[] {
  return [...page.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\`$`, "gms"))].map(
    ([, text = ""]) =>
      text
        .replaceAll("evt_…", ids.event)
        .replaceAll("dlv_…", ids.delivery)
        .replaceAll("3e639566-…", ids.webhook)
        .replaceAll("2026-01-31T00:00:00Z", hour(-1))
        .replaceAll("2026-02-01T00:00:00Z", hour(1)),
  );
}

testIf("each call by curl is answered, with what it asks for", async () => {
  const script = `set -e\n${snippets("sh")
    .join("\n")
    .replaceAll(/^(call .*)$/gm, "$1\necho")}`;
  const env = { ...process.env, POSTHORN_URL: service.url, POSTHORN_KEY: service.adminKey };
  const { stdout } = await run("bash", ["-c", script], { env });
  const answers = stdout
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  expect(answers.map(({ code, message }) => [code, message])).toEqual(
    answers.map(() => [undefined, undefined]),
  );
  const listed = (answer: unknown) => (answer as { data: unknown[] }).data.length;
  const [byKey, byText, byNone, deliveries, delivery, ofOne, ofAll, history, reconciled] = answers;
  expect([byKey, byText, byNone, deliveries, ofOne, ofAll, history].map(listed)).toEqual([
    1, 1, 0, 1, 0, 0, 1,
  ]);
  expect(delivery).toMatchObject({ id: ids.delivery, status: "delivered", attempts: [{}] });
  expect(reconciled).toEqual({ missing: [], unexpected: [] });
  expect(answers).toHaveLength(9);
});

test("each call of the typed client is answered, with what it asks for", async () => {
  const [begin = "", ...calls] = snippets("ts");
  const given = {
    url: service.url,
    apiKey: service.adminKey,
    id: ids.event,
    event_id: ids.event,
    webhook_id: ids.webhook,
    since: hour(-1),
    received: [ids.event],
  };
  const program = [
    `const { ${Object.keys(given).join(", ")} } = ${JSON.stringify(given)};`,
    begin,
    ...calls.map(
      (call) => `{ ${call}; ${call.includes("{ data }") ? "console.log(data.length)" : ""} }`,
    ),
  ].join("\n");
  const { outputFiles } = await build({
    stdin: { contents: program, loader: "ts", resolveDir: ROOT },
    alias: { "posthorn/client": join(ROOT, "src/client/index.ts") },
    bundle: true,
    platform: "node",
    format: "esm",
    write: false,
  });
  const code = outputFiles[0]?.text ?? "";
  const { stdout } = await run(process.execPath, ["--input-type=module", "--eval", code]);
  expect(stdout.trim().split("\n")).toEqual(["1", "1", "0"]); // of the event, its delivery, and why not
  expect(calls).toHaveLength(4);
});

test("each statement is one, with the rows that it asks for", async () => {
  const client = new pg.Client({ connectionString: service.databaseUrl });
  await client.connect();
  const rows: unknown[][] = [];
  for (const statement of snippets("sql")) rows.push((await client.query(statement)).rows);
  await client.end();
  expect(rows).toMatchObject([
    [{ id: ids.event, type: "message.created", matched: 1 }],
    [{ id: ids.delivery, status: "delivered", waiting_for: null, attempts_made: 1 }],
    [{ made_by_name: "POSTHORN_ADMIN_KEY", status: "Subscribed", is_deleted: false }],
  ]);
});
