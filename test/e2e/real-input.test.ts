// Hundreds of real webhook bodies through a real service: the example does it, and checks what arrives.
import { randomBytes } from "node:crypto";
import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

import { expect, test } from "@jest/globals";

import { CATALOGUE } from "../../src/event-types/catalogue/index.ts";
import { query } from "../helpers/embedded.ts";
import { makeDataDir, ROOT, run, type Running } from "../helpers/process.ts";

const TSX = pathToFileURL(createRequire(import.meta.url).resolve("tsx")).href;
const GITHUB_BODIES = 726; // in the examples' version that package.json names
const GITHUB_TYPES = 172;
const BY_SQL = 20;
const ADMIN_KEY = `test_${randomBytes(16).toString("hex")}`;

const runSource = (path: string, args: string[], env: Record<string, string>): Running =>
  run(process.execPath, ["--import", TSX, join(ROOT, path), ...args], { env });

test("every real body and every built-in example arrives exactly once, signed, byte for byte, and nothing else does", async () => {
  const service = runSource("src/cli/index.ts", ["serve"], {
    PORT: "0",
    POSTHORN_DATA_DIR: await makeDataDir(),
    POSTHORN_ADMIN_KEY: ADMIN_KEY,
  });
  const { url } = JSON.parse(await service.line(/"msg":"ready"/)) as { url: string };
  const databaseUrl = (await service.line(/for psql/)).replace(/^.*for psql: /, "");
  const example = runSource("examples/real-input.ts", [], {
    POSTHORN_URL: url,
    POSTHORN_KEY: ADMIN_KEY,
    DATABASE_URL: databaseUrl,
  });
  const count = GITHUB_BODIES + CATALOGUE.length + BY_SQL;
  expect(await example.exited).toEqual({ code: 0, signal: null });
  expect(example.stderr).toBe("");
  expect(example.stdout).toBe(
    `published ${count} events of ${GITHUB_TYPES + CATALOGUE.length} types, ${count} requests arrived, 0 faults\n`,
  );

  // The service's own record says the same: one attempt each, at the first try.
  expect(
    await query(
      databaseUrl,
      `select status, attempts_made, count(*)::integer as deliveries, count(distinct event_id)::integer as events
       from posthorn.finished_deliveries group by 1, 2`,
    ),
  ).toEqual([{ status: "delivered", attempts_made: 1, deliveries: count, events: count }]);
  expect(await query(databaseUrl, "select from posthorn.deliveries")).toEqual([]);
  expect(
    await query(
      databaseUrl,
      "select count(*)::integer as n, count(distinct delivery_id)::integer as of from posthorn.attempts where status = 200",
    ),
  ).toEqual([{ n: count, of: count }]);
  expect(await service.stop()).toEqual({ code: 0, signal: null });
  expect(service.stdout).not.toMatch(/"level":"(warn|error|fatal)"/);
});
