import { existsSync } from "node:fs";
import { readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { afterAll, afterEach, expect, test } from "@jest/globals";
import pg from "pg";
import pino from "pino";

import { clusterIn } from "../../src/database/embedded/place.ts";
import { worksOn } from "../../src/database/embedded/postmaster.ts";
import {
  cleanUp,
  makeFolder,
  makeUsedDataDir,
  query,
  refusal,
  removeSeed,
  start,
  watchHold,
} from "../helpers/embedded.ts";

afterEach(cleanUp);
afterAll(removeSeed);

const socketDirOf = (url: string) => new URL(url).searchParams.get("host") ?? "";
const modeOf = async (path: string) => (await stat(path)).mode & 0o777;

test("a first start makes a UTF-8 database in the C locale that no network reaches", async () => {
  const database = await start(join(await makeFolder(), "data"));
  expect(database.adopted).toBe(false);
  const [facts] = await query(
    database.url,
    `select current_database() as database, current_user as "user", datcollate as locale,
       pg_encoding_to_char(encoding) as encoding, current_setting('listen_addresses') as addresses
     from pg_database where datname = current_database()`,
  );
  expect(facts).toEqual({
    database: "posthorn",
    user: "posthorn",
    locale: "C",
    encoding: "UTF8",
    addresses: "",
  });
});

test("a start for service writes through to the disk", async () => {
  const { url } = await start(join(await makeFolder(), "data"), { durable: true });
  const rows = await query(
    url,
    "select current_setting('fsync') || current_setting('synchronous_commit') as durable",
  );
  expect(rows).toEqual([{ durable: "onon" }]);
});

test("nobody else can list the data folder, enter the socket's, or read the log", async () => {
  const dataDir = join(await makeFolder(), "data");
  const { url } = await start(dataDir);
  expect((await modeOf(dataDir)) & 0o066).toBe(0);
  expect(await modeOf(join(dataDir, "postgres"))).toBe(0o700);
  expect(await modeOf(socketDirOf(url))).toBe(0o700);
  expect(await modeOf(join(dataDir, "postgres.log"))).toBe(0o600);
});

test("what a refused statement carried is not in the server's log", async () => {
  const dataDir = await makeUsedDataDir();
  const { url } = await start(dataDir);
  await query(url, "select 'a secret'::integer").catch(() => undefined);
  expect(await readFile(join(dataDir, "postgres.log"), "utf8")).not.toContain("a secret");
});

test("a stop leaves no process and no socket folder, and the next start has the rows", async () => {
  const dataDir = await makeUsedDataDir();
  const first = await start(dataDir);
  await query(first.url, "create table kept (n int)", "insert into kept values (1)");
  const [server] = await query(
    first.url,
    "select split_part(pg_read_file('postmaster.pid'), E'\n', 1)::int as pid",
  );
  await first.stop();
  expect(await worksOn(Number(server?.["pid"]), clusterIn(dataDir))).toBe(false);
  expect(existsSync(socketDirOf(first.url))).toBe(false);

  const second = await start(dataDir);
  expect(second.adopted).toBe(false);
  expect(second.url).toBe(first.url); // as its clients have it in their settings
  expect(await query(second.url, "select n from kept")).toEqual([{ n: 1 }]);
});

test("where somebody else has the address, the database starts at another, says so, and has its own again afterwards", async () => {
  const dataDir = await makeUsedDataDir();
  const usual = await start(dataDir);
  await usual.stop();
  const taken = socketDirOf(usual.url);
  await writeFile(taken, "");
  const said: string[] = [];
  const log = pino({}, { write: (line: string) => void said.push(line) });
  const other = await start(dataDir, { log }).finally(() => rm(taken));
  expect(await query(other.url, "select 1 as n")).toEqual([{ n: 1 }]);
  expect(other.url).not.toBe(usual.url);
  expect(said.join("")).toContain(`"usual":"${taken}"`);
  await other.stop();
  expect((await start(dataDir)).url).toBe(usual.url);
});

test("stopping twice is stopping once", async () => {
  const database = await start(await makeUsedDataDir());
  await Promise.all([database.stop(), database.stop()]);
  await database.stop();
});

test("a second service on the same folder is refused with one line that names the folder", async () => {
  const dataDir = await makeUsedDataDir();
  const first = await start(dataDir);
  const message = await refusal(start(dataDir));
  expect(message).toContain(
    `StartError: another posthorn is running on the data folder ${dataDir}`,
  );
  expect(message).toContain(`pid ${process.pid}`);
  expect(message).not.toContain("\n");
  expect(await query(first.url, "select 1 as n")).toEqual([{ n: 1 }]);
});

test("a command beside a service joins its database and leaves it running", async () => {
  const dataDir = await makeUsedDataDir();
  const service = await start(dataDir);
  const command = await start(dataDir, { share: true });
  expect(command).toMatchObject({ adopted: true, url: service.url });
  await command.stop();
  expect(await query(service.url, "select 1 as n")).toEqual([{ n: 1 }]);
});

test("a command with no service beside it stops what it started", async () => {
  const dataDir = join(await makeFolder(), "data");
  const command = await start(dataDir, { share: true });
  expect(command.adopted).toBe(false);
  await command.stop();
  expect(existsSync(join(dataDir, "postgres", "postmaster.pid"))).toBe(false);
});

test("a command that ends leaves what it started to a service that came meanwhile", async () => {
  const dataDir = await makeUsedDataDir();
  const command = await start(dataDir, { share: true });
  const service = await start(dataDir);
  await command.stop();
  expect(await query(service.url, "select 1 as n")).toEqual([{ n: 1 }]);
});

test("a command that ends leaves what it started to a command that came meanwhile", async () => {
  const dataDir = await makeUsedDataDir();
  const first = await start(dataDir, { share: true });
  const second = await start(dataDir, { share: true });
  await first.stop();
  expect(await query(second.url, "select 1 as n")).toEqual([{ n: 1 }]);
  await start(dataDir); // a guest stops nothing that it did not start: this does, after the test
});

test("a start while the server is still stopping waits and gets the rows", async () => {
  const dataDir = await makeUsedDataDir();
  const first = await start(dataDir);
  await query(first.url, "create table kept as select 1 as n");
  const [, second] = await Promise.all([first.stop(), start(dataDir)]);
  expect(await query(second.url, "select n from kept")).toEqual([{ n: 1 }]);
});

test("a service that loses the connection that holds its folder takes the folder again", async () => {
  const dataDir = await makeUsedDataDir();
  const { log, heldAgain } = watchHold();
  const { url } = await start(dataDir, { log });
  await query(url, "select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory'");
  await heldAgain;
  expect(await refusal(start(dataDir))).toContain("another posthorn is running");
});

test("another role can't hold what a start needs, nor enter where that is held", async () => {
  const dataDir = await makeUsedDataDir();
  const guest = await start(dataDir, { share: true });
  await query(guest.url, "create role stranger login");
  const url = new URL(guest.url);
  url.searchParams.set("user", "stranger");
  const stranger = new pg.Client({ connectionString: url.href });
  await stranger.connect();
  await stranger.query("select pg_advisory_lock(key) from generate_series(0, 9) as key");
  const owner = await start(dataDir);
  expect(await query(owner.url, "select 1 as n")).toEqual([{ n: 1 }]);
  await stranger.end();
  url.pathname = "/postgres";
  await expect(query(url.href, "select 1")).rejects.toThrow("permission denied");
});

test("a server that can't start is quoted in one line", async () => {
  const dataDir = await makeUsedDataDir();
  await writeFile(join(dataDir, "postgres", "pg_hba.conf"), "nonsense\n");
  const message = await refusal(start(dataDir));
  expect(message).toMatch(
    /^StartError: PostgreSQL did not start: FATAL: .*pg_hba\.conf.*\(.*postgres\.log\)$/,
  );
});
