// The posthorn command as a person meets it: real processes, their output, and how they end.
import { createHmac, randomBytes } from "node:crypto";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import net, { type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";

import { silentLog } from "../../src/kernel/log.ts";
import { VERSION } from "../../src/kernel/version.ts";
import { prepareDatabase } from "../../src/database/prepare.ts";
import { writeCatalogue } from "../../src/event-types/catalogue/write.ts";
import { startEmbedded } from "../../src/database/embedded.ts";
import { createSealer } from "../../src/database/sealed.ts";
import { caller, until } from "../helpers/api.ts";
import { databaseUrl } from "../helpers/database-url.ts";
import { createTestDatabase, testServerUrl } from "../helpers/database.ts";
import { query } from "../helpers/embedded.ts";
import { startInbox, type Inbox } from "../helpers/inbox.ts";
import {
  afterwards,
  makeDataDir,
  posthorn,
  posthornProgram,
  readyPosthorn,
  run,
  type Running,
} from "../helpers/process.ts";
import { testWith } from "../helpers/programs.ts";
import { startTestService } from "../helpers/service.ts";

const ADMIN_KEY = `test_${randomBytes(16).toString("hex")}`;
const SECRETS_KEY = randomBytes(32).toString("base64");
const PASSWORD = "pa55word-in-a-url";

const testWithGit = testWith({ git: ["--version"] });
const testWithBash = testWith({ bash: ["--version"] });
const testWithCurl = testWith({ bash: ["--version"], curl: ["--version"] });

let seed: string; // a data folder that has been used before: initdb is most of a first start

beforeAll(async () => {
  seed = await mkdtemp(join(tmpdir(), "posthorn-seed-"));
  const log = silentLog;
  await (await startEmbedded({ dataDir: seed, durable: false, log })).stop();
});
afterAll(() => rm(seed, { recursive: true }));

const database = async (): Promise<string> => {
  const { url, drop } = await createTestDatabase();
  afterwards(drop);
  return url;
};
const emptyDatabase = async (): Promise<string> => {
  const name = `test_${randomBytes(8).toString("hex")}`;
  await query(testServerUrl(), `create database ${name}`);
  afterwards(() => query(testServerUrl(), `drop database ${name} with (force)`));
  return databaseUrl(testServerUrl(), name);
};
const onDatabase = async () => ({
  DATABASE_URL: await database(),
  POSTHORN_SECRETS_KEY: SECRETS_KEY,
  POSTHORN_ADMIN_KEY: ADMIN_KEY,
  POSTHORN_EGRESS_ALLOW: "127.0.0.0/8",
});
const onFolder = async () => ({
  POSTHORN_DATA_DIR: await makeDataDir(seed),
  POSTHORN_ADMIN_KEY: ADMIN_KEY,
});
const inboxFor = async (reply?: Inbox["reply"]) => {
  const inbox = await startInbox(reply);
  afterwards(() => inbox.close());
  return inbox;
};
const as = (url: string, adminKey = ADMIN_KEY) => caller({ url, adminKey });
const publishMany = (url: string, count: number) =>
  as(url)("events.publish_many", {
    events: Array.from({ length: count }, (_, n) => ({ type: "message.created", payload: { n } })),
  }).expect(200);
const psqlUrl = ({ stderr }: Running) => /for psql: (\S+)/.exec(stderr)?.[1] ?? "";
const idsOf = ({ requests }: Inbox) => requests.map(({ headers }) => headers["webhook-id"]);

/** What was logged: each line of stdout one JSON object. */
const logOf = ({ stdout }: Running) =>
  stdout
    .trimEnd()
    .split("\n")
    .map((line) => {
      expect(line).toMatch(/^\{.*\}$/);
      return JSON.parse(line) as { level: string; msg: string };
    });

const WRONG_USAGE = 2;

/** Runs a command that can't go on, and answers the one line that it says of it. */
async function refusal(args: string[], env: Record<string, string>, code = 1): Promise<string> {
  const running = await posthorn(args, env);
  expect(await running.exited).toEqual({ code, signal: null });
  expect(running.stderr).toMatch(/^posthorn: .+\n$/);
  expect(running.stderr).not.toMatch(/\n\s+at /);
  for (const secret of [PASSWORD, ADMIN_KEY, SECRETS_KEY])
    expect(running.stdout + running.stderr).not.toContain(secret);
  return running.stderr.slice("posthorn: ".length, -1);
}

describe("posthorn serve", () => {
  testWithCurl(
    "on a fresh folder says where it listens, the admin key once, and three lines of curl that deliver a first webhook",
    async () => {
      const env = { POSTHORN_DATA_DIR: await makeDataDir() };
      const first = await readyPosthorn(["serve"], env);
      await first.line(/for psql/);
      expect(first.stderr).toContain(`Posthorn listens on ${first.url} `);
      const key = /POSTHORN_KEY=(phk_admin_\S+)/.exec(first.stderr)?.[1] ?? "";
      expect(key).not.toBe("");
      expect(first.stderr.split(key)).toHaveLength(2);

      const [, listen] = /^A receiver to see it arrive: (.+)$/m.exec(first.stderr) ?? [];
      const receiver = run("bash", ["-ec", `exec ${listen} --port 0`]);
      const [, at = ""] = /^Receiving on (\S+) /.exec(await receiver.line(/^Receiving on/)) ?? [];
      const lines = first.stderr.split("\n").filter((line) => /^ {2}(export|curl) /.test(line));
      expect(lines).toHaveLength(4);
      const typed = lines.join("\n").replace("http://127.0.0.1:9000/", at);
      const shell = run("bash", ["-ec", typed]);
      expect(await shell.exited).toEqual({ code: 0, signal: null });
      const [, subscribed, published, listed] =
        /^(\{.*\})(\{.*\})(\{.*\})$/.exec(shell.stdout) ?? [];
      expect(JSON.parse(subscribed ?? "")).toMatchObject({ status: "Subscribed", url: at });
      const { id } = JSON.parse(published ?? "") as { id: string };
      expect(JSON.parse(listed ?? "").data).toEqual([expect.objectContaining({ event_id: id })]);
      expect(await receiver.line(/evt_/)).toMatch(
        new RegExp(`✓ verified  ${id}  message\\.created  attempt 1, answered 200$`),
      );
      await receiver.line(/^ {4}"text": "Hello"$/);
      expect(await first.stop()).toEqual({ code: 0, signal: null });

      const second = await readyPosthorn(["serve"], env);
      await second.line(/for psql/);
      expect(await second.stop()).toEqual({ code: 0, signal: null });
      expect(first.stdout + second.stdout + second.stderr).not.toContain("phk_admin_");
      for (const line of [...logOf(first), ...logOf(second)]) expect(line.level).toBe("info");
    },
  );

  test("refuses a second start on the same folder in one line, and goes on unharmed; a command joins it", async () => {
    const env = await onFolder();
    const first = await readyPosthorn(["serve"], env);
    expect(await refusal(["serve"], env)).toMatch(
      new RegExp(`^another posthorn is running on the data folder ${env.POSTHORN_DATA_DIR} `),
    );
    const command = await posthorn(["keys", "create", "--name", "mine", "--scope", "read"], env);
    expect(await command.exited).toEqual({ code: 0, signal: null });
    await as(first.url, command.stdout.trim())("webhooks.list").expect(200);
    await as(first.url)("event_types.list").expect(200);
    expect(await first.stop()).toEqual({ code: 0, signal: null });
  });

  test("killed with -9 while deliveries are pending loses none of what it has acknowledged", async () => {
    const env = await onFolder();
    const never = new Promise(() => {});
    const inbox = await inboxFor(() => ({ until: never }));
    const killed = await readyPosthorn(["serve"], env);
    await as(killed.url)("webhooks.subscribe", { url: inbox.url }).expect(200);
    const { body } = await publishMany(killed.url, 40);
    const [{ headers }] = (await inbox.arrived(1)) as [Inbox["requests"][0]];
    killed.kill("SIGKILL");
    await killed.exited;

    inbox.reply = () => ({});
    const next = await readyPosthorn(["serve"], env);
    expect(logOf(next).map(({ msg }) => msg)).toContain("database adopted");
    await next.line(/for psql/);
    await query(psqlUrl(next), "update posthorn.deliveries set locked_until = now()"); // a lease is 45 s
    const all = await until(
      async () => (await as(next.url)("deliveries.list", { page_size: 100 })).body.data,
      (found) => found.every(({ status }: { status: string }) => status === "delivered"),
    );
    expect(all).toHaveLength(40);
    const published = body.data.map(({ id }: { id: string }) => id);
    expect(new Set(idsOf(inbox))).toEqual(new Set(published));
    expect(idsOf(inbox).filter((id) => id === headers["webhook-id"]).length).toBeGreaterThan(1);
  });

  test("told to end by SIGTERM finishes what is in flight, records it, exits 0, and repeats nothing later", async () => {
    const env = await onDatabase();
    let release = () => {};
    const released = new Promise<void>((resolve) => (release = resolve));
    const inbox = await inboxFor((_, number) => (number < 20 ? {} : { until: released }));
    const first = await readyPosthorn(["serve"], env);
    await as(first.url)("webhooks.subscribe", { url: inbox.url }).expect(200);
    await publishMany(first.url, 20);
    await inbox.arrived(20); // a receiver that has answered gets several at a time
    await publishMany(first.url, 40);
    await inbox.arrived(22);
    first.kill("SIGTERM");
    await first.line(/"msg":"stopping"/);
    expect((await fetch(`${first.url}/readyz`)).status).toBe(503);
    release();
    expect(await first.exited).toEqual({ code: 0, signal: null });
    const inFlight = idsOf(inbox); // what was on its way to its receiver has come meanwhile
    expect(inFlight.length).toBeLessThan(60);
    const finished = await query(
      env.DATABASE_URL,
      "select posthorn.public_id('evt', event_id) as id, status from posthorn.finished_deliveries",
    );
    expect(new Set(finished.map(({ id }) => id))).toEqual(new Set(inFlight));
    expect(finished.every(({ status }) => status === "delivered")).toBe(true);
    expect(
      await query(
        env.DATABASE_URL,
        "select from posthorn.deliveries where locked_until is not null",
      ),
    ).toEqual([]);

    const next = await readyPosthorn(["serve"], env);
    await inbox.arrived(60);
    expect(await next.stop()).toEqual({ code: 0, signal: null });
    expect(idsOf(inbox)).toHaveLength(60);
    expect(new Set(idsOf(inbox)).size).toBe(60);
  });

  test("makes no database where it can't listen", async () => {
    const dataDir = await makeDataDir();
    const taken = net.createServer().listen(0, "127.0.0.1");
    afterwards(async () => once(taken.close(), "close"));
    await once(taken, "listening");
    const { port } = taken.address() as AddressInfo;
    const env = { POSTHORN_DATA_DIR: dataDir };
    expect(await refusal(["serve"], { ...env, PORT: String(port) })).toBe(
      `PORT: ${port} on 127.0.0.1 is in use; choose another, or 0 for any that is free`,
    );
    for (const host of ["192.0.2.1", "no.such.host.invalid"])
      expect(await refusal(["serve"], { ...env, HOST: host })).toMatch(/^HOST: /);
    expect(existsSync(dataDir)).toBe(false);
  });

  test("leaves the schema as it is where it can't listen", async () => {
    const url = await emptyDatabase();
    const env = { DATABASE_URL: url, POSTHORN_SECRETS_KEY: SECRETS_KEY, HOST: "192.0.2.1" };
    for (const role of ["serve", "api", "worker"])
      expect(await refusal([role], env)).toMatch(/^HOST: 192\.0\.2\.1 is not an address/);
    const [found] = await query(url, "select to_regnamespace('posthorn') as schema");
    expect(found?.["schema"]).toBeNull();
  });

  test("gives the database up again where the start goes no further", async () => {
    const { POSTHORN_DATA_DIR: dataDir, ...env } = await onFolder();
    const settings = { ...env, POSTHORN_DATA_DIR: dataDir, LOG_LEVEL: "error" };
    const first = await readyPosthorn(["serve"], settings);
    expect(await first.stop()).toEqual({ code: 0, signal: null });
    const other = { ...settings, POSTHORN_SECRETS_KEY: SECRETS_KEY };
    expect(await refusal(["serve"], other)).toMatch(/^POSTHORN_SECRETS_KEY: not the key /);
    const { adopted, stop } = await startEmbedded({ dataDir, durable: false, log: silentLog });
    await stop();
    expect(adopted).toBe(false);
  });

  testWithGit("keeps its data folder out of the git repository that it lies in", async () => {
    const dataDir = await makeDataDir();
    const git = async (...args: string[]) => {
      const running = run("git", args, { cwd: dirname(dataDir) });
      expect(await running.exited).toEqual({ code: 0, signal: null });
      return running.stdout;
    };
    await git("init", "--quiet");
    const command = await posthorn(["migrate"], { POSTHORN_DATA_DIR: dataDir });
    expect(await command.exited).toEqual({ code: 0, signal: null });
    expect(await git("status", "--porcelain", "--untracked-files=all")).toBe("");
  });
});

describe("posthorn api and posthorn worker", () => {
  test("share one database: what is published at the one is sent by the other, which serves its health alone", async () => {
    const env = { ...(await onDatabase()), LOG_LEVEL: "error" };
    const [api, worker] = await Promise.all([
      readyPosthorn(["api"], env),
      readyPosthorn(["worker"], env),
    ]);
    const inbox = await inboxFor();
    await as(api.url)("webhooks.subscribe", { url: inbox.url, signature_key: "k" }).expect(200);
    const { body } = await as(api.url)("events.publish", { type: "message.created", payload: 1 });
    const [request] = await inbox.arrived(1);
    expect(request?.headers).toMatchObject({
      "webhook-id": body.id,
      "x-airy-content-signature": createHmac("sha256", "k")
        .update(request?.body ?? "")
        .digest("hex"),
    });
    const statusOf = async (path: string, method = "GET") =>
      (await fetch(`${worker.url}${path}`, { method })).status;
    expect(await statusOf("/healthz")).toBe(200);
    expect(await statusOf("/readyz")).toBe(200);
    for (const path of ["/", "/docs", "/openapi.yaml", "/trpc/webhooks.list", "/webhooks.list"])
      expect([path, await statusOf(path)]).toEqual([path, 404]);
    expect(await statusOf("/events.publish", "POST")).toBe(404);
    expect(await Promise.all([api.stop(), worker.stop()])).toEqual([
      { code: 0, signal: null },
      { code: 0, signal: null },
    ]);
    // At the level of errors: the ready line, and nothing else.
    for (const each of [api, worker])
      expect(logOf(each)).toEqual([
        expect.objectContaining({ msg: "ready", url: each.url, pid: each.pid }),
      ]);
    expect(worker.stderr).toBe("");
  });

  test("need no right to change the schema where it is current", async () => {
    const env = await onDatabase();
    await prepareDatabase(env.DATABASE_URL, { log: silentLog, seed: writeCatalogue });
    const role = `role_${randomBytes(6).toString("hex")}`;
    afterwards(() => query(testServerUrl(), `drop role ${role}`));
    await query(
      env.DATABASE_URL,
      `create role ${role} login`,
      `grant usage on schema posthorn to ${role}`,
      `grant select, insert, update, delete on all tables in schema posthorn to ${role}`,
      `grant execute on all functions in schema posthorn to ${role}`,
    );
    afterwards(() => query(env.DATABASE_URL, `drop owned by ${role}`));
    const url = new URL(env.DATABASE_URL);
    url.searchParams.set("user", role);
    const limited = { ...env, DATABASE_URL: url.href };
    const [api, worker] = await Promise.all([
      readyPosthorn(["api"], limited),
      readyPosthorn(["worker"], limited),
    ]);
    const inbox = await inboxFor();
    await as(api.url)("webhooks.subscribe", { url: inbox.url }).expect(200);
    await as(api.url)("events.publish", { type: "message.created", payload: 1 }).expect(200);
    await inbox.arrived(1);
    await Promise.all([api.stop(), worker.stop()]);
  });
});

describe("posthorn migrate", () => {
  test("may be run six times at once on an empty database: all succeed, and the schema is made once", async () => {
    const url = await emptyDatabase();
    const env = { DATABASE_URL: url, POSTHORN_SECRETS_KEY: SECRETS_KEY };
    const all = await Promise.all(Array.from({ length: 6 }, () => posthorn(["migrate"], env)));
    for (const each of all) {
      const { code } = await each.exited;
      expect([code, each.stderr]).toEqual([0, "The database is up to date.\n"]);
    }
    const migrated = all.flatMap(({ stdout }) => stdout.match(/"msg":"migrated"/g) ?? []);
    const [kept] = await query(url, "select count(*)::integer as n from posthorn.migrations");
    expect(migrated).toHaveLength(kept?.["n"] as number);
  });
});

describe("posthorn keys create", () => {
  test("prints a key that may publish and nothing else", async () => {
    const url = await database();
    const service = await startTestService(
      { DATABASE_URL: url, POSTHORN_SECRETS_KEY: SECRETS_KEY },
      { role: "api" },
    );
    afterwards(() => service.stop());
    const env = { DATABASE_URL: url, POSTHORN_SECRETS_KEY: SECRETS_KEY };
    const args = ["keys", "create", "--name", "my back end", "--scope", "publish"];
    const command = await posthorn(args, env);
    expect(await command.exited).toEqual({ code: 0, signal: null });
    expect(command.stderr).toBe("");
    expect(command.stdout).toMatch(/^phk_publish_[A-Za-z0-9]+_[\w-]{32}\n$/);
    const post = as(service.url, command.stdout.trim());
    const event = { type: "message.created", payload: 1 };
    await post("events.publish", event).expect(200);
    await post("events.publish_many", { events: [event] }).expect(200);
    for (const operation of [
      "events.list",
      "webhooks.list",
      "webhooks.subscribe",
      "event_types.create",
      "deliveries.retry",
    ])
      expect([operation, (await post(operation, {})).status]).toEqual([operation, 403]);
    const elsewhere = caller(
      { url: service.url, adminKey: command.stdout.trim() },
      { "X-Tenant": "another" },
    );
    await elsewhere("events.publish", event).expect(403);
  });

  test.each([
    [["--name", "x", "--scope", "everything"], /--scope.* admin, manage, publish, read/],
    [["--name", "x"], /--scope/],
    [["--scope", "read"], /--name/],
    [["--name", " ", "--scope", "read"], /--name.*a name is needed/],
    [["--name", "x", "--scope", "read", "--tenant", "UPPER"], /--tenant.*a-z, 0-9/],
    [
      ["--name", "x", "--scope", "admin", "--tenant", "t"],
      /--tenant: an admin key has every tenant/,
    ],
    [
      ["--name", "x", "--scope", "read", "--expires-in", "9y"],
      /--expires-in.*a span like 90d, 12h or 30m is needed/,
    ],
    [
      [
        "--name",
        "x",
        "--scope",
        "read",
        "--expires-in",
        "1d",
        "--expires-at",
        "2999-01-31T12:00:00Z",
      ],
      /--expires-in.* cannot be used with option '--expires-at/,
    ],
    ...["soon", "2999-01-31", "2999-01-31T12:00:00"].map((time): [string[], RegExp] => [
      ["--name", "x", "--scope", "read", "--expires-at", time],
      /--expires-at.*Z or an offset is needed, like 2026-01-31T12:00:00Z/,
    ]),
  ])("refuses %j in one line", async (args, said) => {
    expect(await refusal(["keys", "create", ...args], {}, WRONG_USAGE)).toMatch(said);
  });

  test("makes a key that expires as long from now as is said", async () => {
    const env = { DATABASE_URL: await database(), POSTHORN_SECRETS_KEY: SECRETS_KEY };
    const args = ["--name", "x", "--scope", "read", "--expires-in", "90d"];
    const command = await posthorn(["keys", "create", ...args], env);
    expect(await command.exited).toEqual({ code: 0, signal: null });
    const [kept] = await query(
      env.DATABASE_URL,
      "select extract(epoch from expires_at - created_at)::float8 as s from posthorn.keys",
    );
    expect(Math.abs((kept?.["s"] as number) - 90 * 86_400)).toBeLessThan(60);
  });

  test("refuses an expiry that is past, by the database's clock", async () => {
    const env = { DATABASE_URL: await database(), POSTHORN_SECRETS_KEY: SECRETS_KEY };
    const args = ["--name", "x", "--scope", "read", "--expires-at", "2020-01-31T12:00:00Z"];
    expect(await refusal(["keys", "create", ...args], env, WRONG_USAGE)).toMatch(
      /^--expires-at: this is past/,
    );
  });
});

describe("posthorn keys list and revoke", () => {
  const made = async (env: Record<string, string>, ...args: string[]) => {
    const command = await posthorn(["keys", "create", ...args], env);
    expect(await command.exited).toEqual({ code: 0, signal: null });
    return command.stdout.trim();
  };
  const listed = async (env: Record<string, string>, ...args: string[]) => {
    const command = await posthorn(["keys", "list", ...args], env);
    expect([await command.exited, command.stderr]).toEqual([{ code: 0, signal: null }, ""]);
    const [heading = "", ...lines] = command.stdout.trimEnd().split("\n");
    expect(heading).toMatch(/^ID +SCOPE +CREATED +EXPIRES +REVOKED +USED +TENANT +NAME$/);
    return lines;
  };

  test("list shows each key but the key itself, newest first, and revoke ends one for every process", async () => {
    const env = { DATABASE_URL: await database(), POSTHORN_SECRETS_KEY: SECRETS_KEY };
    const service = await startTestService(env, { role: "api" });
    afterwards(() => service.stop());
    const key = await made(env, "--name", "my back end", "--scope", "read", "--tenant", "acme");
    const hostile = "two\nlines \u001b[31m";
    const expiry = ["--expires-at", "2999-01-31T12:00:00Z"];
    await made(env, "--name", hostile, "--scope", "admin", ...expiry);

    const [admin = "", reader = ""] = await listed(env);
    expect(admin).toMatch(
      /^key_[0-9a-f]{32} {2}admin +\S+Z {2}2999-01-31T12:00:00\.000Z {2}- +- +\* +two\\u\{a\}lines \\u\{1b\}\[31m$/,
    );
    expect(reader).toMatch(/^key_[0-9a-f]{32} {2}read +\S+Z {2}- +- +- +acme +my back end$/);
    expect(await listed(env, "--tenant", "acme", "--scope", "read")).toEqual([
      expect.stringMatching(/my back end$/),
    ]);
    expect(await listed(env, "--scope", "publish")).toEqual([]);

    const post = as(service.url, key);
    await post("webhooks.list").expect(200);
    const [id = ""] = reader.split(" ");
    const command = await posthorn(["keys", "revoke", id], env);
    expect(await command.exited).toEqual({ code: 0, signal: null });
    expect([command.stdout, command.stderr]).toEqual(["", `${id} (my back end) is revoked.\n`]);
    await post("webhooks.list").expect(401);
    expect((await listed(env, "--tenant", "acme"))[0]).toMatch(
      / {2}- +\d{4}-\S+Z +(-|\d{4}-\S+Z) +acme /,
    );
  });

  test("list shows more keys than one statement reads", async () => {
    const env = { DATABASE_URL: await database(), POSTHORN_SECRETS_KEY: SECRETS_KEY };
    await made(env, "--name", "the first", "--scope", "read");
    await query(
      env.DATABASE_URL,
      `insert into posthorn.keys (id, name, scope, tenant, hash, created_at)
       select posthorn.uuid_v7(clock_timestamp(), n), 'one of many', 'read', 'default', sha256(n::text::bytea), now()
       from generate_series(1, 450) as n`,
    );
    const lines = await listed(env);
    expect(new Set(lines.map((line) => line.split(" ")[0])).size).toBe(451);
    expect(lines.at(-1)).toMatch(/the first$/);
  });

  test("revoke says of an unknown id that there is none, and of a text that it is no id", async () => {
    const env = { DATABASE_URL: await database(), POSTHORN_SECRETS_KEY: SECRETS_KEY };
    const unknown = `key_${"0".repeat(32)}`;
    expect(await refusal(["keys", "revoke", unknown], env)).toMatch(
      /^no API key has the id key_0+; posthorn keys list shows/,
    );
    expect(await refusal(["keys", "revoke", "mine"], env, WRONG_USAGE)).toMatch(/an id like key_/);
  });
});

describe("a reader who has enough ends a command quietly, in order and with 0:", () => {
  const pipedInto = async (reader: string, args: string[], env: Record<string, string> = {}) => {
    const line = `set -o pipefail; "$0" "$@" | ${reader}`;
    const program = await posthornProgram();
    return run("bash", ["-c", line, process.execPath, program, ...args], { env });
  };

  testWithBash("posthorn openapi | head -1", async () => {
    const shell = await pipedInto("head -1", ["openapi"]);
    expect(await shell.exited).toEqual({ code: 0, signal: null });
    expect([shell.stdout, shell.stderr]).toEqual(["openapi: 3.1.0\n", ""]);
  });

  testWithBash("posthorn keys list | true, on a database that it has started itself", async () => {
    const { POSTHORN_DATA_DIR: dataDir, ...env } = await onFolder();
    const settings = { ...env, POSTHORN_DATA_DIR: dataDir };
    const shell = await pipedInto("true", ["keys", "list"], settings);
    expect(await shell.exited).toEqual({ code: 0, signal: null });
    expect([shell.stdout, shell.stderr]).toEqual(["", ""]);
    const { adopted, stop } = await startEmbedded({ dataDir, durable: false, log: silentLog });
    await stop();
    expect(adopted).toBe(false);
  });

  testWithBash("posthorn listen | head -1, at the next delivery", async () => {
    const shell = await pipedInto("head -1", ["listen", "--port", "0"]);
    const [, at = ""] = /^Receiving on (\S+) /.exec(await shell.line(/^Receiving on/)) ?? [];
    // The first may still find head at its reading.
    const deliver = () => fetch(at, { method: "POST", body: "{}" }).then(Boolean, () => false);
    while (await deliver());
    expect(await shell.exited).toEqual({ code: 0, signal: null });
    expect(shell.stderr).toBe("");
  });
});

testWithBash("what can't be written is told in one line, and the exit code is 1", async () => {
  const line = '"$0" "$@" > /dev/full';
  const shell = run("bash", ["-c", line, process.execPath, await posthornProgram(), "openapi"]);
  expect(await shell.exited).toEqual({ code: 1, signal: null });
  expect(shell.stderr).toMatch(/^posthorn: what it has to say can't be written: ENOSPC[^\n]*\n$/);
});

describe("a start that can't go on says why in one line, with nothing secret in it, and exits with 1:", () => {
  const withPassword = (rest: string) => `postgres://someone:${PASSWORD}@${rest}`;
  const key = { POSTHORN_SECRETS_KEY: SECRETS_KEY };

  test.each<[string, Record<string, string>, RegExp]>([
    ["PORT is no number", { PORT: "abc" }, /^PORT: a whole number is needed$/],
    ["PORT is too high", { PORT: "70000" }, /^PORT: at most 65535 /],
    [
      "HOST is not this machine's",
      { HOST: "192.0.2.1" },
      /^HOST: 192\.0\.2\.1 is not an address of this machine$/,
    ],
    [
      "LOG_LEVEL is unknown",
      { LOG_LEVEL: "loud" },
      /^LOG_LEVEL: must be one of debug, info, warn, error$/,
    ],
    [
      "POSTHORN_EGRESS_ALLOW is nonsense",
      { POSTHORN_EGRESS_ALLOW: "10.0.0.0/8,everything" },
      /^POSTHORN_EGRESS_ALLOW: "everything" is not a CIDR; write one like 10\.0\.0\.0\/8/,
    ],
    [
      "POSTHORN_ADMIN_KEY is short",
      { POSTHORN_ADMIN_KEY: PASSWORD },
      /^POSTHORN_ADMIN_KEY: 24 characters or more/,
    ],
    [
      "POSTHORN_SECRETS_KEY is no key",
      { POSTHORN_SECRETS_KEY: PASSWORD },
      /^POSTHORN_SECRETS_KEY: 32 bytes in base64 are needed \(make them with: openssl rand -base64 32\)/,
    ],
    [
      "DATABASE_URL is no URL",
      { ...key, DATABASE_URL: `Server=db;Password=${PASSWORD}` },
      /^DATABASE_URL: an address like postgres:/,
    ],
    [
      "DATABASE_URL is another database's",
      { ...key, DATABASE_URL: `mysql://me:${PASSWORD}@db/x` },
      /^DATABASE_URL: an address like postgres:/,
    ],
    [
      "DATABASE_URL comes without POSTHORN_SECRETS_KEY",
      { DATABASE_URL: withPassword("db/x") },
      /^POSTHORN_SECRETS_KEY: needed with DATABASE_URL; make one with: openssl rand -base64 32/,
    ],
    [
      "DATABASE_URL is refused",
      { ...key, DATABASE_URL: withPassword("127.0.0.1:1/x") },
      /^DATABASE_URL: the database can't be connected to: connect ECONNREFUSED 127\.0\.0\.1:1$/,
    ],
  ])("%s", async (_what, env, said) => {
    expect(await refusal(["serve"], env)).toMatch(said);
  });

  test("DATABASE_URL names no database", async () => {
    const url = databaseUrl(testServerUrl(), "nowhere");
    expect(await refusal(["serve"], { DATABASE_URL: url, ...key })).toBe(
      `DATABASE_URL: the database can't be connected to: database "nowhere" does not exist`,
    );
  });

  test("DATABASE_URL names a role without rights, or a database that can't be written", async () => {
    const url = await database();
    const role = `role_${randomBytes(6).toString("hex")}`;
    afterwards(() => query(testServerUrl(), `drop role ${role}`));
    await query(url, `create role ${role} login`);
    const limited = new URL(url);
    limited.searchParams.set("user", role);
    expect(await refusal(["api"], { DATABASE_URL: limited.href, ...key })).toBe(
      "DATABASE_URL: the database can't be used: permission denied for schema posthorn; give its role the right, or use the schema's owner",
    );
    const name = new URL(url).pathname.slice(1);
    await query(url, `alter database ${name} set default_transaction_read_only = on`);
    expect(await refusal(["api"], { DATABASE_URL: url, ...key })).toMatch(
      /^DATABASE_URL: the database can't be used: cannot execute \w+ in a read-only transaction; try again$/,
    );
  });

  test("POSTHORN_SECRETS_KEY is another than this database's", async () => {
    const url = await database();
    const sealer = createSealer([randomBytes(32)]);
    await prepareDatabase(url, { log: silentLog, seed: writeCatalogue, sealer, daysAhead: 1 });
    expect(await refusal(["worker"], { DATABASE_URL: url, ...key })).toMatch(
      /^POSTHORN_SECRETS_KEY: not the key that this database's secrets are sealed with; pass that one/,
    );
  });

  test("the data folder is of another major version of PostgreSQL, and it is left as it was", async () => {
    const { POSTHORN_DATA_DIR: dataDir, ...env } = await onFolder();
    await writeFile(join(dataDir, "postgres/PG_VERSION"), "14\n");
    expect(await refusal(["serve"], { ...env, POSTHORN_DATA_DIR: dataDir })).toMatch(
      /was made by PostgreSQL 14, and the one in .+ is \d\d, .*start the posthorn that made it, or bring the data over/,
    );
  });

  test.each(["serve", "migrate"])("%s: the schema is newer than the program", async (command) => {
    const env = await onDatabase();
    await query(env.DATABASE_URL, "insert into posthorn.migrations values (9999, 'later', now())");
    expect(await refusal([command], env)).toMatch(
      /^the database's schema is at version 9999, newer than this program's \d+: start the newer posthorn/,
    );
  });
});

describe("a command line that can't be meant is told in one line, and ends with 2:", () => {
  test.each<[string[], RegExp]>([
    [["srve"], /^unknown command 'srve' \(Did you mean serve\?\)$/],
    [["keys", "revok"], /^unknown command 'revok' \(Did you mean revoke\?\)$/],
    [["serve", "--prot", "80"], /^unknown option '--prot'/],
    [["serve", "now"], /^too many arguments for 'serve'/],
    [["openapi", "--output"], /--output.*argument missing/],
    [["keys", "revoke"], /^missing required argument 'id'$/],
  ])("%j", async (args, said) => {
    expect(await refusal(args, {}, WRONG_USAGE)).toMatch(said);
  });

  test.each([[[]], [["keys"]]])("%j: with no command, the help", async (args: string[]) => {
    const running = await posthorn(args);
    expect(await running.exited).toEqual({ code: WRONG_USAGE, signal: null });
    expect(running.stdout).toBe("");
    expect(running.stderr).toMatch(/^Usage: posthorn .*\[command\]\n/);
  });
});

test("each command tells what it does with --help, and the program its version", async () => {
  const commands = [
    [],
    ["serve"],
    ["api"],
    ["worker"],
    ["migrate"],
    ["openapi"],
    ["keys"],
    ["keys", "create"],
    ["keys", "list"],
    ["keys", "revoke"],
    ["listen"],
  ];
  const running = await Promise.all(commands.map((command) => posthorn([...command, "--help"])));
  for (const [index, each] of running.entries()) {
    expect(await each.exited).toEqual({ code: 0, signal: null });
    const name = ["posthorn", ...(commands[index] ?? [])].join(" ");
    expect(each.stdout).toMatch(new RegExp(`^Usage: ${name} \\[options\\]`));
    expect(each.stdout.split("\n")[2]).toMatch(/^\w.{6,}/);
    expect(each.stderr).toBe("");
  }
  const version = await posthorn(["--version"]);
  await version.exited;
  expect(version.stdout).toBe(`${VERSION}\n`);
});
