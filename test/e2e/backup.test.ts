// A dump under load, restored into another database, by the commands of docs/upgrading.md and Debian's own PostgreSQL.
import { execFile } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

import { expectToGoOn, startBusy } from "../helpers/carried.ts";
import { databaseUrl } from "../helpers/database-url.ts";
import { query } from "../helpers/embedded.ts";
import { startPostgres } from "../helpers/postgres.ts";
import { testWith } from "../helpers/programs.ts";

const page = readFileSync(new URL("../../docs/upgrading.md", import.meta.url), "utf8");
const commandOf = (program: string) =>
  new RegExp(`^${program} .*$`, "m").exec(page)?.[0] ?? `docs/upgrading.md has no ${program}`;

// The newest that is installed; its programs are not on the way of commands, a wrapper is.
const BIN = newestIn("/usr/lib/postgresql");
function newestIn(folder: string): string {
  try {
    const [newest = ""] = readdirSync(folder).sort((a, b) => Number(b) - Number(a));
    return join(folder, newest, "bin");
  } catch {
    return join(folder, "bin");
  }
}

const test = testWith({
  [join(BIN, "initdb")]: ["--version"],
  [join(BIN, "pg_dump")]: ["--version"],
  [join(BIN, "pg_restore")]: ["--version"],
});

test("of a dump under load, restored elsewhere, nothing is sent twice that was settled before it, and what was pending goes on", async () => {
  const folder = await mkdtemp(join(tmpdir(), "posthorn-dump-"));
  const postgres = await startPostgres({ binDir: BIN });
  const restored = databaseUrl(postgres.url, "restored");
  const env = {
    PATH: `${BIN}:${process.env["PATH"]}`,
    DATABASE_URL: postgres.url,
    NEW_DATABASE_URL: restored,
  };
  const run = (command: string) =>
    promisify(execFile)("bash", ["-ec", command], { cwd: folder, env });

  const busy = await startBusy({ DATABASE_URL: postgres.url });
  await run(commandOf("pg_dump"));
  await busy.stop();
  await query(postgres.url, "create database restored");
  await run(commandOf("pg_restore"));
  // A lease of a worker that is not there lasts 45 s: here it is over at once.
  await query(restored, "update posthorn.deliveries set locked_until = null");
  await expectToGoOn(restored, busy);

  await busy.inbox.close();
  await postgres.remove();
  await rm(folder, { recursive: true, force: true });
});
