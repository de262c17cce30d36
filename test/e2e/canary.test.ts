// Secrets that must be found nowhere: not in answers, not in the log, not in the database.
import { randomBytes } from "node:crypto";

import { afterAll, beforeAll, expect, test } from "@jest/globals";
import pg from "pg";

import { createLog } from "../../src/kernel/log.ts";
import { OPERATIONS } from "../../src/rpc/router.ts";
import { caller, until } from "../helpers/api.ts";
import { createTestDatabase, type TestDatabase } from "../helpers/database.ts";
import { startInbox, type Inbox } from "../helpers/inbox.ts";
import { startProxy, type Proxy } from "../helpers/proxy.ts";
import { startTestService, type TestService } from "../helpers/service.ts";

const canary = (what: string) => `canary-${what}-${randomBytes(12).toString("hex")}`;
const PROXY_PASSWORD = canary("proxy");
const SECRETS_KEY = randomBytes(32);
const SECRETS = {
  "signature key": canary("key"),
  "key that was rotated out": canary("old-key"),
  "key that no preset takes": `${canary("bad-key")}!`,
  "header value": canary("header"),
  "header value that is refused": canary("bad-header"),
  "admin key": canary("admin"),
  "API key that is unknown": canary("unknown"),
  "database password": canary("password"),
  "the proxy's password": PROXY_PASSWORD,
  "the same, as the proxy is told it": Buffer.from(`us:${PROXY_PASSWORD}`).toString("base64"),
  "secrets key": SECRETS_KEY.toString("base64"),
  "the same in hex, as bytea is printed": SECRETS_KEY.toString("hex"),
};
/** What callers may read and the database keeps, but the log must not hold. */
const CONTENTS = { payload: canary("payload"), "receiver's answer": canary("answer") };
const BROKEN = { internal_error: "XX000", database_unavailable: "53100" };

let database: TestDatabase;
let service: TestService;
let inbox: Inbox;
let proxy: Proxy;
let sql: pg.Client;
const logged: string[] = [];
const answers: { what: string; text: string }[] = [];
const generated = new Map<string, string>(); // what the answers may show, each once

beforeAll(async () => {
  database = await createTestDatabase();
  // Over a socket the password is not asked for; it is there all the same, for whatever might tell it.
  const withPassword = new URL(database.url);
  withPassword.searchParams.set("password", SECRETS["database password"]);
  proxy = await startProxy();
  const withUser = Object.assign(new URL(proxy.url), { username: "us", password: PROXY_PASSWORD });
  const log = createLog("debug", { write: (line) => void logged.push(line) });
  service = await startTestService(
    {
      DATABASE_URL: withPassword.href,
      POSTHORN_ADMIN_KEY: SECRETS["admin key"],
      POSTHORN_SECRETS_KEY: SECRETS["secrets key"],
      POSTHORN_EGRESS_PROXY: withUser.href,
    },
    { log },
  );
  inbox = await startInbox(({ headers }, number) => ({
    status: number % 2 === 0 ? 200 : 500,
    body: JSON.stringify([CONTENTS["receiver's answer"], headers]), // as an echo does
  }));
  sql = new pg.Client({ connectionString: database.url });
  await sql.connect();
});
afterAll(async () => {
  await sql.end();
  await service.stop();
  await proxy.close();
  await inbox.close();
  await database.drop();
});

/** Asks by both doors' first, keeps the whole answer, and answers its body. */
async function ask(operation: string, body: unknown, key = SECRETS["admin key"]) {
  const answer = await caller({ url: service.url, adminKey: key })(operation, body);
  const isOwner = key === SECRETS["admin key"] && operation.startsWith("webhooks.");
  // To who may manage a webhook its headers come back as given.
  const shown = JSON.stringify(answer.body, (name, value: unknown) =>
    isOwner && name === "headers" ? undefined : value,
  );
  for (const name of ["key", "signature_key"]) {
    const made: unknown = answer.body[name];
    if (typeof made === "string") generated.set(`${operation} ${name} ${generated.size}`, made);
  }
  answers.push({ what: operation, text: JSON.stringify(answer.headers) + shown });
  return answer.body;
}

test("canaries of every kind are found in no answer, no log line and no table", async () => {
  const { id } = await ask("webhooks.subscribe", {
    url: inbox.url,
    preset: "airy",
    headers: { "X-Token": SECRETS["header value"] },
    signature_key: SECRETS["key that was rotated out"],
    retry_schedule_s: [1],
  });
  await ask("webhooks.rotate_key", { id, signature_key: SECRETS["signature key"] });
  const standard = await ask("webhooks.subscribe", {
    url: inbox.url,
    preset: "standard",
    generate_signature_key: true,
  });
  await ask("webhooks.rotate_key", { id: standard.id });
  const lost = await ask("webhooks.subscribe", { url: inbox.url, signature_key: "x" });
  await sql.query("update posthorn.webhooks set signature_key_sealed = '\\x01' where id = $1", [
    lost.id,
  ]);
  await ask("webhooks.test", { id: lost.id }); // its secrets can't be opened, which is logged
  const event = await ask("events.publish", { type: "message.created", payload: CONTENTS });
  await inbox.arrived(3);
  const made = await ask("keys.create", { name: "reader", scope: "read" });
  const found = await until(
    () => ask("deliveries.list", { event_id: event.id, webhook_id: id }),
    ({ data }) => data[0].attempts_made > 0,
  );
  const inputs: Record<string, unknown> = {
    "webhooks.update": { id, name: "renamed" },
    "webhooks.info": { id },
    "webhooks.test": { id },
    "webhooks.list": {},
    "events.info": { id: event.id },
    "events.list": { with_payload: true },
    "deliveries.info": { id: found.data[0].id },
    "deliveries.list": {},
    "deliveries.retry": { id: found.data[0].id },
    "keys.list": {},
  };
  for (const [name, { meta }] of OPERATIONS) {
    const input = inputs[name] ?? withId(meta.request, id);
    // The ends of webhooks come last of all: the others need them.
    if (!/webhooks\.(subscribe|unsubscribe|delete|rotate_key)/.test(name)) await ask(name, input);
    await ask(name, { ...Object(input), "no-such-field": SECRETS["signature key"] });
    await ask(name, { id: 4711, headers: { "X-Token": SECRETS["header value"] } });
    await ask(name, input, made.key);
    await ask(name, input, SECRETS["API key that is unknown"]);
    await ask(`trpc/${name}`, input, made.key);
    await ask(`trpc/${name}`, { url: 1, signature_key: [SECRETS["signature key"]] });
  }
  const refused = { url: inbox.url, preset: "standard" };
  await ask("webhooks.subscribe", {
    ...refused,
    signature_key: SECRETS["key that no preset takes"],
  });
  await ask("webhooks.subscribe", {
    ...refused,
    headers: { "X-Token": `${SECRETS["header value that is refused"]}\r\nX-Other: 1` },
  });
  await breakPublishing();
  for (const [code, sqlState] of Object.entries(BROKEN)) {
    const payload = { ...CONTENTS, sqlState };
    const answer = await ask("events.publish", { type: "message.created", payload });
    expect(answer.code).toBe(code);
  }
  expect(proxy.asked.length).toBeGreaterThan(0);
  await proxy.close();
  const unreached = await ask("webhooks.test", { id });
  expect(JSON.stringify(unreached)).toContain("the proxy can't be reached");
  await ask("webhooks.unsubscribe", { id });
  await ask("webhooks.delete", { id: standard.id });
  await ask("keys.revoke", { id: made.id });

  expect(answers.length).toBeGreaterThan(7 * OPERATIONS.size);
  expect(logged.some((line) => line.includes("can't be decrypted"))).toBe(true);
  for (const code of Object.keys(BROKEN))
    expect(logged.some((line) => line.includes(code) && line.includes('"stack"'))).toBe(true);
  const logLines = logged.map((text) => ({ what: "the log", text }));
  for (const [name, content] of Object.entries(CONTENTS))
    expect([name, foundIn(logLines, content)]).toEqual([name, []]);
  const places = [...answers, ...logLines, ...(await everyRow())];
  for (const [name, secret] of Object.entries(SECRETS))
    expect([name, foundIn(places, secret)]).toEqual([name, []]);
  expect(generated.size).toBe(4);
  for (const [name, secret] of generated)
    expect([name, foundIn(places, secret)]).toEqual([name, [name.split(" ")[0]]]);
}, 400_000);

/** Where a secret stands, as it is or as the hex digits of its bytes. */
function foundIn(places: { what: string; text: string }[], secret: string): string[] {
  const hex = Buffer.from(secret).toString("hex");
  return places
    .filter(({ text }) => text.includes(secret) || text.includes(hex))
    .map(({ what }) => what);
}

/** Makes a publish fail as its payload says, with an error that holds the payload as PostgreSQL's own would. */
async function breakPublishing(): Promise<void> {
  await sql.query(`
    create function posthorn.break_publishing() returns trigger language plpgsql as $$
    begin
      raise exception 'broken for a test' using errcode = new.payload::json ->> 'sqlState', detail = new.payload;
    end $$;
    create trigger broken before insert on posthorn.event_payloads for each row
    when (new.payload like '%sqlState%') execute function posthorn.break_publishing()`);
}

function withId(sample: unknown, id: string): unknown {
  const { id: old, webhook_id: other, ...rest } = Object(sample) as Record<string, unknown>;
  return {
    ...rest,
    ...(old !== undefined && { id: typeof old === "string" && /^[a-z]{3}_/.test(old) ? old : id }),
    ...(other !== undefined && { webhook_id: id }),
  };
}

async function everyRow(): Promise<{ what: string; text: string }[]> {
  const { rows: tables } = await sql.query<{ name: string }>(
    "select oid::regclass::text as name from pg_class where relnamespace = 'posthorn'::regnamespace and relkind in ('r', 'p') and not relispartition",
  );
  expect(tables.length).toBeGreaterThan(10);
  const found: { what: string; text: string }[] = [];
  for (const { name } of tables) {
    const { rows } = await sql.query<{ text: string }>(`select t::text as text from ${name} as t`);
    found.push(...rows.map(({ text }) => ({ what: name, text })));
  }
  return found;
}
