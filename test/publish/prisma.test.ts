// posthorn/publish in a transaction of Prisma, the real one: it is installed for this test alone, being 300 MB.
import { execFile } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { cp, mkdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

import { afterAll, beforeAll, expect, test } from "@jest/globals";
import pg from "pg";

import { MINUTE } from "../../src/kernel/duration.ts";
import { createTestDatabase, type TestDatabase } from "../helpers/database.ts";
import { ROOT } from "../helpers/process.ts";

const SOURCE = join(ROOT, "test/publish/prisma");

let database: TestDatabase;
let client: pg.Client;
beforeAll(async () => {
  database = await createTestDatabase();
  client = new pg.Client(database.url);
  await client.connect();
  await client.query("create table public.orders (id integer primary key)");
});
afterAll(async () => {
  await client.end();
  await database.drop();
});

test(
  "in a transaction of Prisma, what is committed is an event, what is rolled back is nothing, and a refusal says why",
  async () => {
    const folder = await installed();
    const tsx = join(ROOT, "node_modules/tsx/dist/loader.mjs");
    const publish = join(ROOT, "src/publish/index.ts");
    const { stdout } = await run(folder, process.execPath, [
      ...["--import", tsx, "try.ts", database.url, publish],
    ]);
    const { id, cause, rolledBack } = JSON.parse(stdout);
    expect(cause).toMatchObject({
      code: "PH404",
      message: expect.stringContaining("no.such.type"),
    });
    expect(rolledBack).toMatch(/^after evt_[0-9a-f]{32}$/);
    const { rows } = await client.query(
      "select id, channel, payload::json as payload from posthorn.v_events",
    );
    expect(rows).toEqual([{ id, channel: "shop", payload: { id: 1, text: `it's \\ "?" $1` } }]);
    expect((await client.query("select id from orders")).rows).toEqual([{ id: 1 }]);
  },
  15 * MINUTE, // the first installs
);

const run = (cwd: string, file: string, args: string[], env: Record<string, string> = {}) =>
  promisify(execFile)(file, args, { cwd, env: { ...process.env, ...env } });

/** A folder with Prisma and the client that it makes of the schema; made once for each version of what names them. */
async function installed(): Promise<string> {
  const hash = createHash("sha256");
  for (const name of ["package.json", "schema.prisma", "try.ts"])
    hash.update(readFileSync(join(SOURCE, name)));
  const folder = join(ROOT, ".cache/prisma", hash.digest("hex").slice(0, 12));
  if (existsSync(folder)) return folder;
  const making = `${folder}-${randomBytes(4).toString("hex")}`;
  try {
    await mkdir(join(ROOT, ".cache/prisma"), { recursive: true });
    await cp(SOURCE, making, { recursive: true });
    await run(making, "npm", ["install", "--ignore-scripts", "--no-audit", "--no-package-lock"]);
    // Its engine for migrations comes from a host of Prisma's own, unless a file is named for it; to generate needs none.
    await run(making, "node_modules/.bin/prisma", ["generate", "--schema", "schema.prisma"], {
      PRISMA_SCHEMA_ENGINE_BINARY: process.execPath,
      PRISMA_HIDE_UPDATE_MESSAGE: "1",
      CHECKPOINT_DISABLE: "1",
    });
    await rename(making, folder);
    return folder;
  } finally {
    await rm(making, { recursive: true, force: true });
  }
}
