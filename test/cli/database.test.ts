// posthorn database export and import: all of a database, into another one, while the first is at work.
import {
  chmod,
  cp,
  mkdir,
  mkdtemp,
  readFile,
  rename,
  rm,
  truncate,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";

import { expectToGoOn, startBusy, type Busy } from "../helpers/carried.ts";
import { createTestDatabase, type TestDatabase } from "../helpers/database.ts";
import { query } from "../helpers/embedded.ts";
import { SECRETS_KEY, startTestService } from "../helpers/service.ts";
import { typed } from "../helpers/terminal.ts";

const PROGRESS = /^[\d.]+ MB, now posthorn\.\w+\n/gm; // where it takes long
const PUBLISHER = `shop_${process.pid}`;

let folder: string;
let exported: string;
let busy: Busy;
const targets: TestDatabase[] = [];

const posthorn = (args: string[], DATABASE_URL: string, env: Record<string, string> = {}) =>
  typed(args, { env: { DATABASE_URL, POSTHORN_SECRETS_KEY: SECRETS_KEY, ...env } });
async function makeTarget(): Promise<string> {
  const target = await createTestDatabase();
  targets.push(target);
  return target.url;
}

// Exported while events are published and delivered.
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "posthorn-export-"));
  await chmod(folder, 0o755); // an embedded server of another user lives in it
  exported = join(folder, "export");
  busy = await startBusy();
  const { databaseUrl } = busy.source;
  await query(
    databaseUrl,
    `create role ${PUBLISHER}`,
    `select posthorn.allow_publish('${PUBLISHER}', 'default')`,
  );
  const { code, out, err } = await posthorn(["database", "export", exported], databaseUrl);
  expect([code, err.replaceAll(PROGRESS, "")]).toEqual([0, ""]);
  expect(out).toContain(`Exported to ${exported}`);
  await busy.stop();
});
afterAll(async () => {
  await busy.inbox.close();
  for (const target of targets) await target.drop();
  await rm(folder, { recursive: true, force: true });
});

type Exported = {
  schema_version: number;
  tables: { name: string; rows: number; sha256: string }[];
  publishers: unknown[];
};
const manifestOf = async (of: string) =>
  JSON.parse(await readFile(join(of, "manifest.json"), "utf8")) as Exported;
const edit = async (copy: string, change: (manifest: Exported) => Exported) =>
  writeFile(join(copy, "manifest.json"), JSON.stringify(change(await manifestOf(copy))));

const countRows = async (url: string) => {
  const tables = await query(
    url,
    "select relname::text as name from pg_class where relnamespace = 'posthorn'::regnamespace and relkind = 'r' order by 1",
  );
  const counted = tables
    .filter(({ name }) => !/_p\d{8}$|^(workers|locks|counter_deltas)$/.test(String(name)))
    .map(({ name }) => `'${String(name)}', (select count(*) from posthorn.${String(name)})`);
  return query(url, `select json_build_object(${counted.join(", ")}) as counts`);
};

test("what was settled before the export is not sent again, what was pending goes on, and nothing is sent before somebody says so", async () => {
  const url = await makeTarget();
  const { code, out, err } = await posthorn(["database", "import", exported], url);
  expect([code, err.replaceAll(PROGRESS, "")]).toEqual([0, ""]);
  expect(out).toContain("posthorn resume-all --adopt");
  const leased = "select from posthorn.deliveries where locked_until is not null";
  expect(await query(url, leased)).toEqual([]); // whoever had claimed them is not at work here
  await expectToGoOn(url, busy);
});

test("roles that publish by SQL come along by their names, with their rights", async () => {
  const url = await makeTarget();
  expect((await posthorn(["database", "import", exported, "--adopt"], url)).code).toBe(0);
  const [found] = await query(
    url,
    `select role::text, tenant, has_function_privilege(role, p.oid, 'execute') as may
     from posthorn.publishers, pg_proc as p
     where p.pronamespace = 'posthorn'::regnamespace and p.proname = 'publish' limit 1`,
  );
  expect(found).toEqual({ role: PUBLISHER, tenant: "default", may: true });
  expect(await query(url, "select from posthorn.settings where name = 'paused_since'")).toEqual([]);
});

describe("an export that is not whole, or of another version, changes nothing, and one line says why", () => {
  const changed: [string, RegExp, (copy: string) => Promise<unknown>][] = [
    ["no manifest", /holds no export: manifest.json/, (copy) => rm(join(copy, "manifest.json"))],
    [
      "a manifest that is none",
      /is not what posthorn database export has written/,
      (copy) => writeFile(join(copy, "manifest.json"), "{}"),
    ],
    [
      "another version",
      /is of schema version 1 .* this program's is \d+: import it with the posthorn that exported it/,
      (copy) => edit(copy, (manifest) => ({ ...manifest, schema_version: 1 })),
    ],
    [
      "a role that is not there",
      /roles that publish by SQL are not there: nobody_here; create them first/,
      (copy) => edit(copy, (m) => ({ ...m, publishers: [{ role: "nobody_here", tenant: "x" }] })),
    ],
    [
      "a table that this schema has not",
      /table pg_class is none of this schema's/,
      (copy) =>
        edit(copy, ({ tables, ...m }) => ({
          ...m,
          tables: tables.map((each) => ({
            ...each,
            name: each.name === "webhooks" ? "pg_class" : each.name,
          })),
        })).then(() => rename(join(copy, "webhooks.copy"), join(copy, "pg_class.copy"))),
    ],
    [
      "a file that is missing",
      /webhooks.copy can't be read/,
      (copy) => rm(join(copy, "webhooks.copy")),
    ],
    [
      "a cut-off file",
      /webhooks.copy holds 10 bytes of the/,
      (copy) => truncate(join(copy, "webhooks.copy"), 10),
    ],
    [
      "a changed byte",
      /webhooks.copy is not as it was exported/,
      async (copy) => {
        const bytes = await readFile(join(copy, "webhooks.copy"));
        bytes[bytes.length - 2] = (bytes[bytes.length - 2] ?? 0) ^ 1;
        await writeFile(join(copy, "webhooks.copy"), bytes);
      },
    ],
  ];
  let url: string;
  beforeAll(async () => {
    url = await makeTarget();
  });

  test.each(changed)("%s", async (name, says, change) => {
    const copy = join(folder, name.replaceAll(" ", "-"));
    await cp(exported, copy, { recursive: true });
    await change(copy);
    const before = await countRows(url);
    const { code, out, err } = await posthorn(["database", "import", copy], url);
    expect([code, out]).toEqual([1, ""]);
    const said = err.replaceAll(PROGRESS, "");
    expect(said).toMatch(says);
    expect(said.trimEnd()).not.toContain("\n");
    expect(await countRows(url)).toEqual(before);
  });

  test("another key of secrets", async () => {
    const other = { POSTHORN_SECRETS_KEY: Buffer.alloc(32, 8).toString("base64") };
    const { code, err } = await posthorn(["database", "import", exported], url, other);
    expect(code).toBe(1);
    expect(err.replaceAll(PROGRESS, "")).toMatch(
      /^posthorn: POSTHORN_SECRETS_KEY: not the key [^\n]*\n$/,
    );
    expect((await query(url, "select from posthorn.webhooks")).length).toBe(0);
  });
});

test("a database that a service has used is not imported into, and no folder is exported over", async () => {
  const used = await startTestService();
  const before = await countRows(used.databaseUrl);
  const { code, err } = await posthorn(["database", "import", exported], used.databaseUrl);
  expect(code).toBe(1);
  expect(err).toMatch(/^posthorn: the database is in use: posthorn\.\w+ has rows; [^\n]*\n$/);
  expect(await countRows(used.databaseUrl)).toEqual(before);
  const again = await posthorn(["database", "export", exported], used.databaseUrl);
  expect([again.code, again.err]).toEqual([
    1,
    `posthorn: ${exported} is there and not an empty folder: name another one\n`,
  ]);
  await used.stop();
});

test("all of it moves into an embedded database, and out of it again", async () => {
  const POSTHORN_DATA_DIR = join(folder, "data");
  const env = { POSTHORN_DATA_DIR };
  const lacking = await typed(["database", "import", exported], { env });
  expect(lacking.err).toContain("secrets.key is not there");
  await mkdir(POSTHORN_DATA_DIR, { recursive: true });
  await writeFile(join(POSTHORN_DATA_DIR, "secrets.key"), `${SECRETS_KEY}\n`);
  await typed(["sql", `create role ${PUBLISHER}`], { env });
  expect(await typed(["database", "import", exported], { env })).toMatchObject({ code: 0 });
  const out = join(folder, "again");
  expect(await typed(["database", "export", out], { env })).toMatchObject({ code: 0 });
  const [was, is] = await Promise.all([exported, out].map(manifestOf));
  const rowsOf = ({ tables }: Exported) =>
    tables
      .filter(({ name, rows }) => rows > 0 && name !== "settings") // in which it is held now
      .map(({ name, rows, sha256 }) => [name, rows, name === "deliveries" ? "" : sha256]); // whose leases have ended
  expect(rowsOf(is as Exported)).toEqual(rowsOf(was as Exported));
});
