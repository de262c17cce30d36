// Real processes over two databases: the home goes away, and the tenants of the other cell notice nothing.
import { expect, test } from "@jest/globals";

import { caller, until, type Call } from "../helpers/api.ts";
import { createTestDatabase } from "../helpers/database.ts";
import { startDatabaseProxy } from "../helpers/database-proxy.ts";
import { query } from "../helpers/embedded.ts";
import { startInbox } from "../helpers/inbox.ts";
import { afterwards, readyPosthorn } from "../helpers/process.ts";
import { SECRETS_KEY } from "../helpers/service.ts";

const ADMIN_KEY = "admin-key-of-24-characters-and-more";
const event = (n: number) => ({ type: "message.created", payload: { n } });

test("while home is away the tenants of another cell publish, change their webhooks and get what is theirs; the others go on when it is back", async () => {
  const [homeDatabase, usDatabase] = [await createTestDatabase(), await createTestDatabase()];
  const home = await startDatabaseProxy(homeDatabase.url);
  const inbox = await startInbox();
  afterwards(async () => {
    await inbox.close();
    await home.close();
    await Promise.all([homeDatabase.drop(), usDatabase.drop()]);
  });
  await query(
    homeDatabase.url,
    "insert into posthorn.placements (tenant, cell) values ('over-there', 'us'), ('here', 'home')",
  );
  const env = {
    DATABASE_URL: home.url,
    POSTHORN_CELLS: `us=${usDatabase.url}`,
    POSTHORN_ADMIN_KEY: ADMIN_KEY,
    POSTHORN_SECRETS_KEY: SECRETS_KEY,
    POSTHORN_EGRESS_ALLOW: "127.0.0.0/8",
  };
  const api = await readyPosthorn(["api"], env);
  await readyPosthorn(["worker"], env);
  const as = (tenant: string): Call =>
    caller({ url: api.url, adminKey: ADMIN_KEY }, { "X-Tenant": tenant });
  const keyOf = async (tenant: string): Promise<Call> => {
    const { body } = await as("default")("keys.create", { name: "k", scope: "manage", tenant });
    return caller({ url: api.url, adminKey: body.key });
  };
  const ids: Record<string, string> = {};
  for (const tenant of ["here", "over-there"]) {
    const { body } = await as(tenant)("webhooks.subscribe", { url: inbox.url }).expect(200);
    ids[tenant] = body.id;
    await as(tenant)("events.publish", event(0)).expect(200);
  }
  const [here, there] = [await keyOf("here"), await keyOf("over-there")];
  await inbox.arrived(2);

  home.refuse(/./s);
  await until(
    async () => (await here("webhooks.list")).status,
    (status) => status === 503,
  );
  for (const n of [1, 2]) await as("over-there")("events.publish", event(n)).expect(200);
  const arrived = await inbox.arrived(4);
  expect(arrived.slice(2).map(({ body }) => JSON.parse(body).payload.n)).toEqual([1, 2]);
  await there("webhooks.update", { id: ids["over-there"], name: "renamed" }).expect(200);
  expect((await there("webhooks.list").expect(200)).body.data).toMatchObject([{ name: "renamed" }]);
  const signedIn = await as("here")("session.info").expect(200);
  expect(signedIn.body).toMatchObject({ tenant: "here", sending_held: null, away: ["home"] });

  home.refuse(null);
  await until(
    async () => (await as("here")("events.publish", event(3))).status,
    (status) => status === 200,
  );
  await inbox.arrived(5);
});
