// The service's database: who may set what publish() goes by, and where webhooks may not go.
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import pg from "pg";
import pino from "pino";

import { loadConfig } from "../src/config.ts";
import { endpointsOf, openDatabase } from "../src/database.ts";
import { silentLog } from "../src/kernel/log.ts";
import { startTestService, type TestService } from "./helpers/service.ts";

const SECRETS_KEY = Buffer.alloc(32, 7).toString("base64"); // the test service's

let service: TestService;
beforeAll(async () => {
  service = await startTestService(
    { POSTHORN_UNKNOWN_TYPES: "accept", POSTHORN_IDEMPOTENCY_H: "5" },
    { role: "api" },
  );
});
afterAll(() => service.stop());

test("a command that joins a running service leaves the service's publish settings as they are", async () => {
  const config = loadConfig({
    DATABASE_URL: service.databaseUrl,
    POSTHORN_SECRETS_KEY: SECRETS_KEY,
  });
  const database = await openDatabase(config, silentLog, { share: true });
  await database.close();
  const client = new pg.Client({ connectionString: service.databaseUrl });
  await client.connect();
  const { rows } = await client.query(
    "select name, value from posthorn.settings where name <> 'secrets_check' order by name",
  );
  await client.end();
  expect(rows).toEqual([
    { name: "idempotency_h", value: "5" },
    { name: "unknown_types", value: "accept" },
  ]);
});

test.each([
  ["postgres://u:p@198.51.100.1/app", [{ address: "198.51.100.1", port: 5432 }]],
  ["postgres://u:p@198.51.100.1:6543/app", [{ address: "198.51.100.1", port: 6543 }]],
  ["postgres://u:p@198.51.100.1:5432/app?port=6543", [{ address: "198.51.100.1", port: 6543 }]],
  ["postgres:///app?host=198.51.100.2&port=6543", [{ address: "198.51.100.2", port: 6543 }]],
  ["postgres://[2001:db8::1]:6543/app", [{ address: "2001:db8::1", port: 6543 }]],
  ["postgres:///app?host=/run/postgresql", []],
])("what the driver connects to by %s is kept from webhooks", async (url, endpoints) => {
  expect(await endpointsOf(url, silentLog)).toEqual(endpoints);
});

test("a database's host that can't be looked up is told, since nothing is kept from webhooks then", async () => {
  const told: string[] = [];
  const log = pino({ level: "warn" }, { write: (line) => told.push(JSON.parse(line).msg) });
  expect(await endpointsOf("postgres://u:p@none.invalid/app", log)).toEqual([]);
  expect(told).toEqual([expect.stringMatching(/^DATABASE_URL: .*looked up/)]);
});
