// The secrets key's rotation, on a database that services use.
import { createHmac, randomBytes, randomUUID } from "node:crypto";

import { afterEach, beforeEach, expect, test } from "@jest/globals";

import { silentLog } from "../../src/kernel/log.ts";
import { connect, type Connection } from "../../src/database/connect.ts";
import { checkSecretsKey, createSealer, type Sealer } from "../../src/database/sealed.ts";
import { rotateSecrets, tellRotation } from "../../src/store/secrets-rotation.ts";
import { sealHeaders, sealKey } from "../../src/store/webhook-secrets.ts";
import { caller } from "../helpers/api.ts";
import { createTestDatabase, type TestDatabase } from "../helpers/database.ts";
import { posthorn } from "../helpers/process.ts";
import { startInbox } from "../helpers/inbox.ts";
import { startTestService } from "../helpers/service.ts";
import { untilWaiting } from "../helpers/waiting.ts";

const OLD = randomBytes(32);
const NEW = randomBytes(32);
const text = (...keys: Buffer[]) => keys.map((key) => key.toString("base64")).join();

let database: TestDatabase;
let connection: Connection;
let lines: string[];
const oldSealer = createSealer([OLD]);
const newSealer = createSealer([NEW]);
const bothSealer = createSealer([NEW, OLD]);

beforeEach(async () => {
  database = await createTestDatabase();
  connection = connect(database.url, { name: "test", max: 3, log: silentLog });
  lines = [];
  await checkSecretsKey(connection.db, oldSealer);
});
afterEach(async () => {
  await connection.close();
  await database.drop();
});

const rows = async (statement: string, values: unknown[] = []) =>
  (await connection.pool.query(statement, values)).rows;
const service = (key: string) =>
  startTestService({ DATABASE_URL: database.url, POSTHORN_SECRETS_KEY: key });
const rotate = (signal = new AbortController().signal, told?: (line: string) => void) =>
  rotateSecrets(connection.db, bothSealer, {
    signal,
    tell: (line) => {
      lines.push(line);
      told?.(line);
    },
  });
/** Webhooks as a service with the old key has left them. */
const insert = async (count: number, sealer: Sealer = oldSealer): Promise<string[]> => {
  const ids = Array.from({ length: count }, () => randomUUID());
  const place = (id: string) => ({ tenant: "default", id });
  await rows(
    `insert into posthorn.webhooks (tenant, id, status, url, preset, events, channels, headers_sealed, signature_key_sealed,
       signature_key_version, created_at, updated_at)
     select 'default', u.id, 'Subscribed', 'https://example.com/', 'airy', '{}', '{}', u.headers, u.key, 1, now(), now()
     from unnest($1::uuid[], $2::bytea[], $3::bytea[]) as u (id, headers, key)`,
    [
      ids,
      ids.map((id) => sealHeaders(sealer, place(id), { "X-Own": `own ${id}` })),
      ids.map((id) => sealKey(sealer, place(id), `key ${id}`)),
    ],
  );
  return ids;
};
const opened = async (id: string, sealer = newSealer) => {
  const [row] = await rows("select * from posthorn.webhooks where id = $1", [id]);
  return sealer.open(row.signature_key_sealed, {
    tenant: "default",
    row: id,
    field: "signature_key",
  });
};

test("after posthorn secrets rotate a service with the newest key alone sends, signed and with headers; one with the old key does not start", async () => {
  const inbox = await startInbox();
  const [before, stop] = await service(text(OLD)).then(
    (it) => [caller(it), () => it.stop()] as const,
  );
  const headers = { "X-Own": "canary" };
  const signature_key = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
  const made = await before("webhooks.subscribe", {
    url: inbox.url,
    preset: "standard",
    headers,
    signature_key,
  }).expect(200);
  const { id } = made.body;
  const rotated = await before("webhooks.rotate_key", { id, overlap_s: 3600 }).expect(200);
  await stop();
  const env = { DATABASE_URL: database.url, POSTHORN_SECRETS_KEY: text(NEW, OLD) };
  const command = await posthorn(["secrets", "rotate"], env);
  expect(await command.exited).toEqual({ code: 0, signal: null });
  expect(command.stderr).toMatch(/^1 webhooks looked at, 3 values sealed anew$/m);
  expect(command.stderr).toMatch(
    /^Done: 3 values sealed anew, 0 old signature keys wiped\. The older keys open nothing that is left: drop them from POSTHORN_SECRETS_KEY\.$/m,
  );
  await expect(service(text(OLD))).rejects.toThrow(/^POSTHORN_SECRETS_KEY: not the key/);
  const after = await service(text(NEW));
  try {
    await caller(after)("events.publish", { type: "message.created", payload: 1 }).expect(200);
    const [request] = await inbox.arrived(1);
    expect(request?.headers).toMatchObject({ "x-own": "canary" });
    const { headers: got = {}, body } = request ?? {};
    const signed = [got["webhook-id"], got["webhook-timestamp"], body].join(".");
    const signatures = [rotated.body.signature_key, signature_key].map((key: string) => {
      const bytes = Buffer.from(key.replace("whsec_", ""), "base64");
      return `v1,${createHmac("sha256", bytes).update(signed).digest("base64")}`;
    });
    expect(request?.headers["webhook-signature"]).toBe(signatures.join(" "));
  } finally {
    await after.stop();
    await inbox.close();
  }
});

test("interrupted it says so, keeps the old key needed, and goes on where it was when run again", async () => {
  const ids = await insert(1_200);
  const stopping = new AbortController();
  const first = await rotate(stopping.signal, () => stopping.abort());
  expect(first).toMatchObject({ resealed: 1_000, isInterrupted: true });
  expect(tellRotation(first)).toMatch(/^Interrupted: 1000 values .* run it again\.$/);
  await expect(checkSecretsKey(connection.db, newSealer)).rejects.toThrow(/POSTHORN_SECRETS_KEY/);
  const second = await rotate();
  expect(second).toEqual({
    resealed: 1_400,
    wiped: 0,
    unreadable: 0,
    left: 0,
    isInterrupted: false,
  });
  await checkSecretsKey(connection.db, newSealer);
  for (const id of [ids[0], ids.at(-1)]) expect(await opened(id ?? "")).toBe(`key ${id}`);
  expect(await rotate()).toMatchObject({ resealed: 0, left: 0 });
});

test("a key that is set while a webhook is sealed anew stays", async () => {
  const [id = ""] = await insert(1);
  const client = await connection.pool.connect();
  await client.query("begin");
  await client.query("select from posthorn.webhooks where id = $1 for update", [id]);
  const rotation = rotate();
  await untilWaiting(client);
  const changed = sealKey(oldSealer, { tenant: "default", id }, "a newer key");
  await client.query("update posthorn.webhooks set signature_key_sealed = $2 where id = $1", [
    id,
    changed,
  ]);
  await client.query("commit");
  client.release();
  expect(await rotation).toMatchObject({ resealed: 2, left: 0 });
  expect(await opened(id)).toBe("a newer key");
});

test("a value that no key opens is told and counted, and the others are sealed anew", async () => {
  const [lost = ""] = await insert(1, createSealer([randomBytes(32)]));
  const [id = ""] = await insert(1);
  const end = await rotate();
  expect(end).toEqual({ resealed: 2, wiped: 0, unreadable: 2, left: 0, isInterrupted: false });
  expect(lines).toContain(
    `webhook ${lost} of tenant default: no key given opens its signature_key`,
  );
  expect(lines).toContain(`webhook ${lost} of tenant default: no key given opens its headers`);
  expect(tellRotation(end)).toMatch(/2 values can't be opened with any key given.*drop them/);
  expect(await opened(id)).toBe(`key ${id}`);
});

test("a rotated-out key is wiped once its overlap has ended, one that still signs is sealed anew", async () => {
  const ids = await insert(2);
  const previous = ids.map((id) =>
    oldSealer.seal("previous", { tenant: "default", row: id, field: "previous_key" }),
  );
  await rows(
    `update posthorn.webhooks as w set previous_key_sealed = u.key, previous_key_expires_at = now() + u.remains::interval
     from unnest($1::uuid[], $2::bytea[], $3::text[]) as u (id, key, remains) where w.id = u.id`,
    [ids, previous, ["-1 second", "1 hour"]],
  );
  expect(await rotate()).toMatchObject({ resealed: 5, wiped: 1 });
  const [over, during] = await rows(
    "select id, previous_key_sealed as key, previous_key_expires_at as until from posthorn.webhooks order by previous_key_expires_at nulls first",
  );
  expect(over).toMatchObject({ key: null, until: null });
  expect(
    newSealer.open(during.key, { tenant: "default", row: during.id, field: "previous_key" }),
  ).toBe("previous");
});

test("an answer kept for an idempotency key is sealed anew, and given again by a service with the newest key alone", async () => {
  const create = { name: "mine", scope: "read", idempotency_key: "once" };
  const settings = { POSTHORN_ADMIN_KEY: "the-admin-key-of-both-services" };
  const start = (key: string) =>
    startTestService(
      { DATABASE_URL: database.url, POSTHORN_SECRETS_KEY: key, ...settings },
      { role: "api" },
    );
  const before = await start(text(OLD));
  const { body } = await caller(before)("keys.create", create).expect(200);
  await before.stop();
  await rows(
    "insert into posthorn.kept_answers (tenant, caller, key, sealed, created_at) values ('default', 'x', 'y', $1, now())",
    [oldSealer.seal("of another place", { tenant: "", row: "", field: "check" })],
  );
  expect(await rotate()).toMatchObject({ resealed: 1, unreadable: 1, left: 0 });
  expect(lines).toContain(
    "an answer kept for an idempotency_key of tenant default: no key given opens it",
  );
  const after = await start(text(NEW));
  try {
    expect((await caller(after)("keys.create", create).expect(200)).body).toEqual(body);
  } finally {
    await after.stop();
  }
});

test("nothing else of a webhook changes: workers need not read it anew", async () => {
  await insert(1);
  const rest = `select (to_jsonb(w) - 'headers_sealed' - 'signature_key_sealed')::text as rest from posthorn.webhooks as w`;
  const before = await rows(rest);
  await rotate();
  expect(await rows(rest)).toEqual(before);
});
