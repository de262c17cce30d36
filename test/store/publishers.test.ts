// Who may publish by SQL: letting a role in, and taking it back.
import { randomBytes } from "node:crypto";

import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "@jest/globals";
import pg from "pg";

import { createTestDatabase, type TestDatabase } from "../helpers/database.ts";

const APP = `app_${randomBytes(4).toString("hex")}`; // roles belong to the whole server, which other tests use too

let database: TestDatabase;
let owner: pg.Client;

beforeAll(async () => {
  database = await createTestDatabase();
  owner = new pg.Client({ connectionString: database.url });
  await owner.connect();
});
afterAll(async () => {
  await owner.end();
  await database.drop();
});
beforeEach(() => owner.query(`create role ${APP}`));
afterEach(() => owner.query(`reset role; drop owned by ${APP}; drop role ${APP}`));

/** What becomes of a publish by the role: "taken", or the code that it is refused with. */
async function publish(tenant = "default"): Promise<string> {
  await owner.query(`set role ${APP}`);
  const outcome = await owner
    .query("select posthorn.publish('message.created', '1', tenant => $1)", [tenant])
    .then(
      () => "taken",
      (error: pg.DatabaseError) => error.code ?? "",
    );
  await owner.query("reset role");
  return outcome;
}

const call = (expression: string) => owner.query(`select posthorn.${expression}`);

test("a role that is dropped and made again under its name may not publish", async () => {
  await call(`allow_publish('${APP}')`);
  expect(await publish()).toBe("taken");
  await owner.query(`drop owned by ${APP}; drop role ${APP}; create role ${APP}`);
  await owner.query(`grant usage on schema posthorn to ${APP}`);
  await owner.query(`grant execute on all functions in schema posthorn to ${APP}`);
  expect(await publish()).toBe("42501");
});

test("a role whose tenant is * publishes for every one", async () => {
  await call(`allow_publish('${APP}', '*')`);
  expect(await publish()).toBe("taken");
  expect(await publish("another")).toBe("taken");
  expect(await publish("*")).toBe("PH400");
});

test("what was given for one tenant is taken back, and with the last the rights", async () => {
  await call(`allow_publish('${APP}')`);
  await call(`allow_publish('${APP}', 'another')`);
  await call(`disallow_publish('${APP}', 'another')`);
  expect(await publish("another")).toBe("42501");
  expect(await publish()).toBe("taken");
  await call(`disallow_publish('${APP}')`);
  expect(await publish()).toBe("42501");
  await owner.query(`drop role ${APP}; create role ${APP}`); // nothing depends on it any more
});

test("a role that also reads the views keeps what it needs for that", async () => {
  await owner.query(`grant usage on schema posthorn to ${APP}`);
  await owner.query(`grant select on posthorn.v_events to ${APP}`);
  await call(`allow_publish('${APP}', 'a'), posthorn.allow_publish('${APP}', 'b')`);
  await call(`disallow_publish('${APP}', '*')`);
  await owner.query(`set role ${APP}`);
  await owner.query("select from posthorn.v_events limit 1");
});

test.each([
  ["allow_publish('public')", "public is everybody"],
  ["allow_publish('nobody at all')", "there is no role 'nobody at all'"],
  ["disallow_publish('nobody at all')", "there is no role 'nobody at all'"],
  ["allow_publish(null)", "there is no role NULL"],
])("%s is refused", async (expression, message) => {
  await expect(call(expression)).rejects.toMatchObject({
    code: "PH400",
    message: expect.stringContaining(message),
  });
});
