// The service's database: who may set what publish() goes by, and where webhooks may not go.
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import pg from "pg";
import pino from "pino";

import { loadConfig } from "../../src/config.ts";
import { watchEndpoints } from "../../src/database/endpoints.ts";
import { writeCatalogue } from "../../src/event-types/catalogue/write.ts";
import { openDatabase } from "../../src/database/open.ts";
import { silentLog } from "../../src/kernel/log.ts";
import { SECRETS_KEY, startTestService, type TestService } from "../helpers/service.ts";

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
  const database = await openDatabase(config, silentLog, { share: true, seed: writeCatalogue });
  await database.close();
  const client = new pg.Client({ connectionString: service.databaseUrl });
  await client.connect();
  const { rows } = await client.query(
    "select name, value from posthorn.settings where name <> 'secrets_check' order by name",
  );
  await client.end();
  expect(rows).toEqual([
    { name: "idempotency_h", value: "5" },
    { name: "installation", value: new URL(service.databaseUrl).pathname.slice(1) },
    { name: "notify", value: "auto" },
    { name: "unknown_types", value: "accept" },
  ]);
});

test.each([
  ["postgres://u:p@198.51.100.1/app", [{ address: "198.51.100.1", port: 5432 }]],
  ["postgres://u:p@198.51.100.1:6543/app", [{ address: "198.51.100.1", port: 6543 }]],
  ["postgres://u:p@198.51.100.1:5432/app?port=6543", [{ address: "198.51.100.1", port: 6543 }]],
  ["postgres:///app?host=198.51.100.2&port=6543", [{ address: "198.51.100.2", port: 6543 }]],
  ["postgres://[2001:db8::1]:6543/app", [{ address: "2001:db8::1", port: 6543 }]],
  ["postgres:///app?host=/run/postgresql", [{ address: "0.0.0.0", port: 5432 }]],
])("what the driver connects to by %s is kept from webhooks", async (url, endpoints) => {
  expect((await watchEndpoints(url, silentLog)).current()).toEqual(endpoints);
});

test("a database's host that can't be looked up is told, since nothing is kept from webhooks then", async () => {
  const { log, told } = listening();
  const endpoints = await watchEndpoints("postgres://u:p@none.invalid/app", log);
  expect(endpoints.current()).toEqual([]);
  expect(told).toEqual([expect.stringMatching(/^DATABASE_URL: .*looked up.* no address/)]);
  endpoints.close();
});

test("a database's new address after a failover is kept from webhooks, and the last one where its name has none", async () => {
  const { log, told } = listening();
  const answers = [["198.51.100.1"], ["198.51.100.2"], "failure"];
  let areUsedUp = () => {};
  const usedUp = new Promise<void>((resolve) => (areUsedUp = resolve));
  const lookUp = (): Promise<{ address: string }[]> => {
    const answer = answers.shift();
    if (answer === "failure") return Promise.reject(new Error("no such name"));
    if (Array.isArray(answer)) return Promise.resolve(answer.map((address) => ({ address })));
    areUsedUp();
    return new Promise(() => {});
  };
  const url = "postgres://u:p@db.example/app";
  const endpoints = await watchEndpoints(url, log, { everyMs: 1, lookUp });
  expect(endpoints.current()).toEqual([{ address: "198.51.100.1", port: 5432 }]);
  await usedUp;
  expect(endpoints.current()).toEqual([{ address: "198.51.100.2", port: 5432 }]);
  expect(told).toEqual([expect.stringMatching(/ last known address$/)]);
  endpoints.close();
});

function listening() {
  const told: string[] = [];
  const log = pino({ level: "warn" }, { write: (line) => told.push(JSON.parse(line).msg) });
  return { log, told };
}
