// The first minutes with a clone: what npm runs, the first start, and what its banner says to type.
import { once } from "node:events";
import { appendFile, cp, mkdtemp, readFile, rm } from "node:fs/promises";
import net, { type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { expect, test } from "@jest/globals";

import { cpuUs } from "../../bench/cpu.ts";
import { clusterIn } from "../../src/database/embedded/place.ts";
import { caller, until } from "../helpers/api.ts";
import { createTestDatabase } from "../helpers/database.ts";
import { afterwards, makeDataDir, posthorn, readyPosthorn, ROOT, run } from "../helpers/process.ts";

const ADMIN_KEY = "an-admin-key-of-24-characters";

async function onDatabase(): Promise<Record<string, string>> {
  const { url, drop } = await createTestDatabase();
  afterwards(drop);
  return { DATABASE_URL: url, POSTHORN_SECRETS_KEY: Buffer.alloc(32, 1).toString("base64") };
}

test("SIGTERM to npm start ends the service behind it, in order", async () => {
  const env = { ...(await onDatabase()), PORT: "0", POSTHORN_ADMIN_KEY: ADMIN_KEY };
  const npm = run("npm", ["start"], { cwd: ROOT, env });
  const { pid } = JSON.parse(await npm.line(/"msg":"ready"/)) as { pid: number };
  afterwards(() => Promise.resolve(end(pid)));
  npm.kill("SIGTERM"); // as a supervisor does, to the process that it started
  await npm.exited; // with everything that writes where it did
  expect(npm.stdout).toMatch(/"msg":"stopped"/);
  expect(end(pid)).toBe(false);
});

test("a start on a prepared database takes less than 1.2 s of a core, however long it waits for one", async () => {
  const env = { ...(await onDatabase()), POSTHORN_ADMIN_KEY: ADMIN_KEY };
  await (await readyPosthorn(["serve"], env)).stop();
  const start = async () => {
    const service = await readyPosthorn(["serve"], env);
    const tookUs = cpuUs(service.pid);
    await service.stop();
    return tookUs;
  };
  // There is no /proc everywhere; and one that shares its core and caches may take more once.
  await until(start, (tookUs) => Number.isNaN(tookUs) || tookUs < 1_200_000);
});

test("a first start that can't listen makes no admin key: the next one shows it", async () => {
  const env = await onDatabase();
  const other = net.createServer().listen(0, "127.0.0.1");
  afterwards(() => new Promise((resolve) => other.close(resolve)));
  await once(other, "listening");
  const { port } = other.address() as AddressInfo;
  const refused = await posthorn(["serve"], { ...env, PORT: String(port) });
  expect(await refused.exited).toMatchObject({ code: 1 });
  expect(refused.stderr).toMatch(/^posthorn: PORT: \d+ on 127\.0\.0\.1 is in use[^\n]*\n$/);
  const next = await readyPosthorn(["serve"], env);
  await next.line(/export POSTHORN_KEY=phk_admin_/);
});

test("the banner's own example is taken where receivers on this machine are not, and says how they would be", async () => {
  const env = { ...(await onDatabase()), POSTHORN_ADMIN_KEY: ADMIN_KEY };
  const service = await readyPosthorn(["serve"], env);
  await service.line(/POSTHORN_EGRESS_ALLOW=127\.0\.0\.0\/8/);
  const [, body = ""] = /webhooks\.subscribe .* -d '(.*)'/.exec(service.stderr) ?? [];
  const post = caller({ url: service.url, adminKey: ADMIN_KEY });
  await post("webhooks.subscribe", JSON.parse(body) as object).expect(200);
});

test("an embedded PostgreSQL that is killed is started again; the service goes on, with few words", async () => {
  const dataDir = await makeDataDir();
  const env = { POSTHORN_DATA_DIR: dataDir, POSTHORN_ADMIN_KEY: ADMIN_KEY };
  const service = await readyPosthorn(["serve"], env);
  const post = caller({ url: service.url, adminKey: ADMIN_KEY });
  const before = service.stdout.split("\n").length;
  process.kill(await postmasterOf(dataDir), "SIGKILL");
  await service.line(/"msg":"the data folder is held again"/);
  const publish = () => post("events.publish", { type: "message.created", payload: 1 });
  await until(publish, ({ status }) => status === 200);
  expect(service.stdout.split("\n").length - before).toBeLessThan(60);
  expect(await service.stop()).toMatchObject({ code: 0 });
});

test("with Node alone an event is published in the embedded database's own transactions, beside a service and without one", async () => {
  const dataDir = await makeDataDir();
  const env = { POSTHORN_DATA_DIR: dataDir, POSTHORN_ADMIN_KEY: ADMIN_KEY };
  const sql = async (script: string) => {
    const command = await posthorn(["sql", "--json", script], env);
    return { ...(await command.exited), said: command.stdout + command.stderr };
  };
  const publish = (key: string) =>
    `select posthorn.publish('message.created', '1', idempotency_key => '${key}')`;
  const alone = await sql(`begin; ${publish("a")}; rollback; ${publish("b")}`);
  expect(alone).toMatchObject({ code: 0, said: expect.stringMatching(/evt_[^\n]*\n.*evt_/s) });
  const service = await readyPosthorn(["serve"], env);
  expect(await sql(publish("c"))).toMatchObject({ code: 0 });
  const stored = await sql("select idempotency_key as key from posthorn.events order by id");
  expect(stored.said).toBe('{"key":"b"}\n{"key":"c"}\n');
  expect(await service.stop()).toMatchObject({ code: 0 });
});

test("one that can't be started again ends the service, with one line", async () => {
  const dataDir = await makeDataDir();
  const env = { POSTHORN_DATA_DIR: dataDir, POSTHORN_ADMIN_KEY: ADMIN_KEY };
  const service = await readyPosthorn(["serve"], env);
  await service.line(/for psql/);
  await appendFile(join(clusterIn(dataDir), "postgresql.auto.conf"), "no_such_setting = 1\n");
  process.kill(await postmasterOf(dataDir), "SIGKILL");
  expect(await service.exited).toMatchObject({ code: 1 });
  expect(service.stderr).toMatch(
    /^posthorn: PostgreSQL did not start: .*postgresql\.auto\.conf.*\n$/m,
  );
  expect(service.stdout.split("\n").length).toBeLessThan(60);
});

test.each([
  ["the sources are there too", ["package.json", "scripts"], /nothing is built.*npm ci/],
  ["package.json is there alone, as in a layer of an image", ["package.json"], /^$/],
])("npm ci --omit=dev gets through its last step where %s", async (_, names, words) => {
  const folder = await mkdtemp(join(tmpdir(), "posthorn-clone-"));
  afterwards(() => rm(folder, { recursive: true }));
  for (const name of names) await cp(join(ROOT, name), join(folder, name), { recursive: true });
  const prepare = run("npm", ["run", "--silent", "prepare"], { cwd: folder });
  expect(await prepare.exited).toEqual({ code: 0, signal: null });
  expect(prepare.stderr.trim()).toMatch(words);
});

const postmasterOf = async (dataDir: string) =>
  Number.parseInt(await readFile(join(clusterIn(dataDir), "postmaster.pid"), "utf8"), 10);

/** Ends a process that should be gone; says whether it was there. */
function end(pid: number): boolean {
  try {
    return process.kill(pid, "SIGKILL");
  } catch {
    return false;
  }
}
