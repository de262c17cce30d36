import { watch } from "node:fs";
import { appendFile, mkdir, readdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { afterAll, afterEach, expect, test } from "@jest/globals";

import { worksOn } from "../../src/database/embedded/postmaster.ts";
import { until } from "../helpers/api.ts";
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
  watchHold,
} from "../helpers/embedded.ts";

afterEach(cleanUp);
afterAll(removeSeed);

const pidFileOf = (dataDir: string) => join(dataDir, "postgres", "postmaster.pid");

async function serverPid(dataDir: string): Promise<number> {
  return Number.parseInt(await readFile(pidFileOf(dataDir), "utf8"), 10);
}

test("a service killed with -9 leaves its database to the next start, with every acknowledged row", async () => {
  const dataDir = await makeUsedDataDir();
  const killed = spawnChild({ dataDir });
  const { url } = await report(killed);
  await query(url, "create table kept (n int)", "insert into kept select generate_series(1, 1000)");
  killed.process.kill("SIGKILL");
  await killed.exited;

  const next = await start(dataDir);
  expect(next).toMatchObject({ adopted: true, url });
  expect(await query(next.url, "select count(*)::int as n from kept")).toEqual([{ n: 1000 }]);
  const pid = await serverPid(dataDir);
  await next.stop();
  expect(await worksOn(pid, join(dataDir, "postgres"))).toBe(false); // perhaps not reaped yet: its parent is gone
});

test("a server killed with -9 has every acknowledged row at the next start", async () => {
  const dataDir = await makeUsedDataDir();
  const first = spawnChild({ dataDir, durable: true });
  const { url } = await report(first);
  await query(url, "create table kept as select generate_series(1, 1000) as n");
  first.process.kill("SIGKILL"); // it would start it again
  await first.exited;
  process.kill(await serverPid(dataDir), "SIGKILL");
  const next = await start(dataDir);
  expect(next.adopted).toBe(false);
  expect(await query(next.url, "select count(*)::int as n from kept")).toEqual([{ n: 1000 }]);
});

test("a server killed with -9 is started again under its service: where it was, held, with every acknowledged row", async () => {
  const dataDir = await makeUsedDataDir();
  const { log, heldAgain } = watchHold();
  const { url } = await start(dataDir, { durable: true, log });
  await query(url, "create table kept as select generate_series(1, 1000) as n");
  const killed = await serverPid(dataDir);
  process.kill(killed, "SIGKILL");
  const count = () => query(url, "select count(*)::int as n from kept").catch(() => undefined); // until it is back
  expect(await until(count, (rows) => rows !== undefined)).toEqual([{ n: 1000 }]);
  expect(await serverPid(dataDir)).not.toBe(killed);
  await heldAgain;
  expect(await refusal(start(dataDir))).toContain("another posthorn is running on the data folder");
});

test("a server that ends again and again is told to its service once", async () => {
  const dataDir = await makeUsedDataDir();
  const { url, lost } = await start(dataDir);
  for (let i = 0; i < 3; i++) {
    process.kill(await serverPid(dataDir), "SIGKILL");
    // Until it is held again: one that ends before, while it is still being started, has not started.
    await until(
      () => query(url, "select from pg_locks where locktype = 'advisory'").catch(() => []),
      (locks) => locks.length > 0,
    );
  }
  process.kill(await serverPid(dataDir), "SIGKILL");
  expect((await lost)?.message).toMatch(/ended 4 times within ten minutes/);
});

test("a server that ended and can't start again is told to its service once", async () => {
  const other = await makeUsedDataDir();
  const broken = await start(other);
  await appendFile(join(other, "postgres", "postgresql.auto.conf"), "no_such_setting = 1\n");
  process.kill(await serverPid(other), "SIGKILL");
  expect((await broken.lost)?.message).toMatch(
    /^PostgreSQL did not start: .*postgresql\.auto\.conf/,
  );
});

test("a server that died and was not reaped by its parent does not hold the next start up", async () => {
  const dataDir = await makeUsedDataDir();
  const parent = spawnChild({ dataDir });
  await report(parent);
  parent.process.kill("SIGSTOP"); // it can't reap what ends now
  process.kill(await serverPid(dataDir), "SIGKILL");
  const next = await start(dataDir);
  expect(await query(next.url, "select 1 as n")).toEqual([{ n: 1 }]);
});

test("Ctrl-C in the terminal reaches the service and leaves its database up for the draining", async () => {
  const child = spawnChild({ dataDir: await makeUsedDataDir() });
  const { url } = await report(child);
  process.kill(-child.pid, "SIGINT"); // as a terminal does: to the whole group
  expect(await child.nextLine()).toBe("draining");
  expect(await query(url, "select 1 as n")).toEqual([{ n: 1 }]);
  child.process.kill("SIGTERM");
  await child.exited;
  await expect(query(url, "select 1")).rejects.toThrow();
});

test("a pid file whose pid now belongs to another process does not stop the start", async () => {
  const dataDir = await makeUsedDataDir();
  await writeFile(pidFileOf(dataDir), `${process.pid}\n/elsewhere\n0\n5432\n\n\n\nready\n`);
  const { url } = await start(dataDir);
  expect(await query(url, "select 1 as n")).toEqual([{ n: 1 }]);
});

test("an empty pid file, which a full disk leaves, does not stop the start", async () => {
  const dataDir = await makeUsedDataDir();
  await writeFile(pidFileOf(dataDir), "");
  const { url } = await start(dataDir);
  expect(await query(url, "select 1 as n")).toEqual([{ n: 1 }]);
});

test("of two services that start at once on a fresh folder one has it and the other is refused", async () => {
  const dataDir = join(await makeFolder(), "data");
  const both = [spawnChild({ dataDir }), spawnChild({ dataDir })];
  const reports = await Promise.all(both.map(report));
  const refused = reports.filter(({ error }) => error !== undefined);
  expect(refused).toHaveLength(1);
  expect(refused[0]?.error).toContain("another posthorn is running on the data folder");
  const { url } = reports.find(({ error }) => error === undefined) ?? { url: "" };
  expect(await query(url, "select 1 as n")).toEqual([{ n: 1 }]);
  expect(await readdir(dataDir)).toEqual([".gitignore", "postgres", "postgres.log"]);
  for (const child of both) child.process.kill("SIGTERM");
  await Promise.all(both.map(({ exited }) => exited));
});

test("two commands that start at once on a fresh folder share one database", async () => {
  const dataDir = join(await makeFolder(), "data");
  const [first, second] = await Promise.all([
    start(dataDir, { share: true }),
    start(dataDir, { share: true }),
  ]);
  expect(first.url).toBe(second.url);
  expect([first.adopted, second.adopted].sort()).toEqual([false, true]);
  await start(dataDir); // stops it after the test, whichever command ends first
});

test("a signal during the first start ends it, with nothing running and nothing half made", async () => {
  const dataDir = join(await makeFolder(), "data");
  await mkdir(dataDir);
  const begun = new Promise<void>((resolve) => {
    const watcher = watch(dataDir, (_event, name) => {
      if (!name?.startsWith("postgres.new-")) return;
      watcher.close();
      resolve();
    });
  });
  const child = spawnChild({ dataDir });
  await begun;
  child.process.kill("SIGTERM");
  expect(await child.exited).toEqual([null, "SIGTERM"]);
  expect(await readdir(dataDir)).toEqual([]);
});

test("a start that was killed half way is cleared up by the next", async () => {
  const dataDir = join(await makeFolder(), "data");
  await mkdir(join(dataDir, "postgres.new-999999999-abcdef"), { recursive: true });
  await start(dataDir);
  expect(await readdir(dataDir)).toEqual(["postgres", "postgres.log"]);
});

test("a server whose socket folder is gone is named, with what to do", async () => {
  const dataDir = await makeUsedDataDir();
  const { url } = await start(dataDir);
  const socketDir = new URL(url).searchParams.get("host") ?? "";
  await rename(socketDir, `${socketDir}-away`);
  const message = await refusal(start(dataDir, { share: true }));
  expect(message).toContain(`kill -INT ${await serverPid(dataDir)}`);
  await rename(`${socketDir}-away`, socketDir);
});
