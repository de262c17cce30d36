// The database server of a run: one for us and for the peers, with the same settings.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import pg from "pg";

import { silentLog } from "../src/kernel/log.ts";
import { startEmbedded } from "../src/database/embedded.ts";
import { cpuUsOfTree, parentOf } from "./cpu.ts";

export type Database = {
  /** Ours, with a history. */
  url: string;
  /** A session in it. */
  sql: pg.Client;
  version: number;
  /** Makes an empty database; one of the same name is dropped. Answers its URL. */
  fresh(name: string): Promise<string>;
  drop(name: string): Promise<void>;
  /** What all of the server's processes have used. */
  cpuUs(): number;
  stop(): Promise<void>;
};

export async function startDatabase(): Promise<Database> {
  const folder = mkdtempSync(join(tmpdir(), "posthorn-bench-"));
  const { url, stop } = await startEmbedded({ dataDir: folder, log: silentLog });
  const sql = new pg.Client({ connectionString: url });
  await sql.connect();
  const { rows } = await sql.query<{ pid: number; version: number }>(
    "select pg_backend_pid() as pid, current_setting('server_version_num')::integer / 10000 as version",
  );
  const { pid, version } = rows[0] ?? { pid: 0, version: 0 };
  const postmaster = parentOf(pid);
  const drop = async (name: string) => {
    await sql.query(`drop database if exists ${name} with (force)`);
  };
  return {
    url,
    sql,
    version,
    async fresh(name) {
      await drop(name);
      await sql.query(`create database ${name}`);
      return url.replace("/posthorn?", `/${name}?`);
    },
    drop,
    cpuUs: () => cpuUsOfTree(postmaster),
    async stop() {
      await sql.end();
      await stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
