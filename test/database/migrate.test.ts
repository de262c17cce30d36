// Bringing a database up to this program, whoever made it and however many try at once.
import { randomBytes } from "node:crypto";

import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import pg from "pg";
import pino from "pino";

import { migrate } from "../../src/database/migrate.ts";
import { prepareDatabase } from "../../src/database/prepare.ts";
import { writeCatalogue } from "../../src/event-types/catalogue/write.ts";
import { silentLog } from "../../src/kernel/log.ts";
import { databaseUrl } from "../helpers/database-url.ts";
import { testServerUrl } from "../helpers/database.ts";
import { makeWebhooks } from "../helpers/webhooks.ts";

const APP = `app_${randomBytes(4).toString("hex")}`; // roles belong to the whole server, which other tests use too

let admin: pg.Client;
const made: string[] = [];

beforeAll(async () => {
  admin = new pg.Client({ connectionString: testServerUrl() });
  await admin.connect();
  await admin.query(`create role ${APP} login`);
});

afterAll(async () => {
  for (const name of made) await admin.query(`drop database ${name} with (force)`);
  await admin.query(`drop role ${APP}`);
  await admin.end();
});

/** An empty database, in which only its owner may make schemas. */
async function makeDatabase(): Promise<string> {
  const name = `test_${randomBytes(8).toString("hex")}`;
  await admin.query(`create database ${name}`);
  made.push(name);
  return databaseUrl(testServerUrl(), name);
}

async function query<Row extends object>(url: string, text: string): Promise<Row[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query<Row>(text)).rows;
  } finally {
    await client.end();
  }
}

function as(role: string, url: string): string {
  const changed = new URL(url);
  changed.searchParams.set("user", role);
  return changed.href;
}

test("of many that migrate at once each migration is done by one", async () => {
  const url = await makeDatabase();
  const done = await Promise.all([1, 2, 3, 4].map(() => migrate(url, { daysAhead: 0 })));
  const applied = done.flatMap((each) => each.applied);
  expect(new Set(applied).size).toBe(applied.length);
  const rows = await query<{ name: string }>(
    url,
    "select name from posthorn.migrations order by version",
  );
  expect(rows.map(({ name }) => name)).toEqual(applied.sort());
});

// Drops every posthorn.publish and makes it again, as a migration does that gives it another parameter.
const PUBLISH_ANEW = `
  do $anew$
  declare
    made text[] := array(
      select pg_get_functiondef(oid) from pg_proc where proname = 'publish' and pronamespace = 'posthorn'::regnamespace
      order by prolang = (select oid from pg_language where lanname = 'sql')
    );
  begin
    execute format('drop function %s', posthorn.publish_functions());
    for i in 1 .. 3 loop
      execute made[i];
    end loop;
  end
  $anew$;
  revoke execute on all functions in schema posthorn from public;`;

describe("a program that is older than the schema", () => {
  const apply = async (...later: string[]) => {
    const url = await makeDatabase();
    const { applied } = await migrate(url, { daysAhead: 0 });
    const newest = applied.length;
    const folder = await mkdtemp(join(tmpdir(), "posthorn-migrations-"));
    for (const [n, text] of later.entries()) {
      const version = newest + n + 1;
      const sql = text.replace("OLDER", String(newest));
      await writeFile(join(folder, `${String(version).padStart(4, "0")}_later.sql`), sql);
    }
    await migrate(url, { daysAhead: 0, from: pathToFileURL(`${folder}/`) });
    await rm(folder, { recursive: true });
    return { url, newest };
  };

  test("starts one version apart, and changes nothing", async () => {
    const { url, newest } = await apply("select 1");
    const { applied } = await prepareDatabase(url, { log: silentLog, seed: writeCatalogue });
    expect(applied).toEqual([]);
    expect(await query(url, "select max(version) as version from posthorn.migrations")).toEqual([
      { version: newest + 1 },
    ]);
  });

  test("starts two apart where the migrations say that it works with them", async () => {
    const { url } = await apply(
      "select 1",
      "-- works with programs from version OLDER on\nselect 1",
    );
    await prepareDatabase(url, { log: silentLog, seed: writeCatalogue });
  });

  test("is refused two apart in one line, and before it changes anything", async () => {
    const { url, newest } = await apply("select 1", "select 1");
    await expect(prepareDatabase(url, { log: silentLog, seed: writeCatalogue })).rejects.toThrow(
      `the database's schema is at version ${newest + 2}, newer than this program's ${newest}: start the newer posthorn (it works with programs from version ${newest + 1} on)`,
    );
    expect(await query(url, "select from posthorn.event_types")).toEqual([]);
  });
});

test("a migration that makes posthorn.publish anew takes no publisher's right away", async () => {
  const url = await makeDatabase();
  await prepareDatabase(url, { log: silentLog, seed: writeCatalogue, daysAhead: 1 });
  await query(url, `select posthorn.allow_publish('${APP}')`);
  const folder = await mkdtemp(join(tmpdir(), "posthorn-migrations-"));
  await writeFile(join(folder, "9001_anew.sql"), PUBLISH_ANEW);
  await migrate(url, { daysAhead: 1, from: pathToFileURL(`${folder}/`) });
  await rm(folder, { recursive: true });
  const byEachForm = ["text", "json", "jsonb"].map(
    (type) => `posthorn.publish('message.created', '1'::${type})`,
  );
  await query(as(APP, url), `select ${byEachForm.join(", ")}`);
});

test("a stranger's advisory locks stop no migration", async () => {
  const url = await makeDatabase();
  const stranger = new pg.Client({ connectionString: as(APP, url) });
  await stranger.connect();
  await stranger.query(
    "select pg_advisory_lock(key) from generate_series(7067438019, 7067438021) as key",
  );
  expect((await migrate(url, { daysAhead: 0 })).applied).not.toEqual([]);
  await stranger.end();
});

test("a schema made beforehand is enough for a role that may make none", async () => {
  const url = await makeDatabase();
  await query(url, `create schema posthorn authorization ${APP}`);
  expect((await migrate(as(APP, url), { daysAhead: 0 })).applied).not.toEqual([]);
});

test("a role that may make no schema is told what is missing", async () => {
  const url = await makeDatabase();
  await expect(migrate(as(APP, url))).rejects.toThrow(
    "may not make the schema posthorn: make it beforehand, by: create schema posthorn authorization",
  );
});

test.each([
  [
    "belongs to somebody else",
    `create schema posthorn authorization ${APP}`,
    `the schema posthorn belongs to the role ${APP}`,
  ],
  [
    "lets somebody else create in it",
    `create schema posthorn; grant create on schema posthorn to ${APP}`,
    `the role ${APP} may create in the schema posthorn`,
  ],
  [
    "lets everybody create in it",
    "create schema posthorn; grant create on schema posthorn to public",
    "the role public may create in the schema posthorn",
  ],
  [
    "holds things of somebody else",
    `create schema posthorn; grant create on schema posthorn to ${APP}; set role ${APP};
     create function posthorn.planted() returns void language sql as ''; reset role; revoke create on schema posthorn from ${APP}`,
    `in the schema posthorn there are things of the role ${APP}`,
  ],
])("a schema that %s is refused, before anything of it is used", async (_what, made, message) => {
  const url = await makeDatabase();
  await query(url, made);
  await expect(migrate(url)).rejects.toThrow(message);
});

test("a superuser's service does not start in a schema that somebody else has made and filled", async () => {
  const url = await makeDatabase();
  await query(url, `create schema posthorn authorization ${APP}`);
  await migrate(as(APP, url), { daysAhead: 0 });
  await expect(migrate(url)).rejects.toThrow(`the schema posthorn belongs to the role ${APP}`);
});

describe("an upgrade behind a transaction that somebody has left open", () => {
  let url: string;
  let folder: string;
  let reader: pg.Client;
  let pid: number;

  beforeAll(async () => {
    url = await makeDatabase();
    await prepareDatabase(url, { log: silentLog, seed: writeCatalogue, daysAhead: 1 });
    folder = await mkdtemp(join(tmpdir(), "posthorn-migrations-"));
    await writeFile(
      join(folder, "9001_later.sql"),
      "alter table posthorn.webhooks add later integer; alter table posthorn.deliveries add later integer;",
    );
    reader = new pg.Client({ connectionString: url, application_name: "a reader" });
    await reader.connect();
    await reader.query("begin");
    ({ pid } = (
      await reader.query<{ pid: number }>(
        "select pg_backend_pid() as pid, count(*) from posthorn.deliveries",
      )
    ).rows[0] as { pid: number });
  });
  afterAll(async () => {
    await reader.end();
    await rm(folder, { recursive: true });
  });

  const upgrade = (options: Parameters<typeof migrate>[1] = {}) =>
    migrate(url, { daysAhead: 1, from: pathToFileURL(`${folder}/`), ...options });

  test("ends with who is in the way, once that has lasted", async () => {
    await expect(upgrade({ waitMaxMs: 1 })).rejects.toThrow(
      new RegExp(
        `^migration 9001_later.sql got no lock in \\d+ s; in its way: pid ${pid} \\(\\w+, a reader, idle in transaction, for \\d+ s, on deliveries; to end it: select pg_terminate_backend\\(${pid}\\)\\)$`,
      ),
    );
  });

  test("keeps no publisher waiting for 100 ms, says who is in the way, and goes through when that is gone", async () => {
    const publisher = new pg.Client({ connectionString: url });
    await publisher.connect();
    await makeWebhooks(publisher, "default", 1);
    await publisher.query("set lock_timeout = 100"); // whoever waits longer fails
    const said: string[] = [];
    const upgraded = new AbortController();
    const log = pino({}, { write: (line: string) => void said.push(line) });
    const upgrading = upgrade({ log }).finally(() => upgraded.abort());
    const until = performance.now() + 1_500; // over three of its tries
    let waited = 0;
    for (let n = 0; !upgraded.signal.aborted; n++) {
      const publish = "select posthorn.publish('message.created', $1::text)";
      await publisher.query(publish, [String(n)]).catch((error: pg.DatabaseError) => {
        if (error.code !== "55P03") throw error;
        waited++;
      });
      if (performance.now() > until) await reader.query("commit");
    }
    expect((await upgrading).applied).toEqual(["9001_later.sql"]);
    expect(waited).toBeLessThanOrEqual(1); // a busy machine may let go late once; who keeps them waiting does so at each try
    expect(said.filter((line) => line.includes(`pid ${pid} (`))).toHaveLength(1);
    await publisher.query("select later from posthorn.deliveries");
    await publisher.end();
  });
});
