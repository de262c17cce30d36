// A tenant's move between two databases as two cells, home and us: what tests of it share.
import type pg from "pg";

import { connect, type Connection } from "../../src/database/connect.ts";
import { clearNext } from "../../src/database/move/leave.ts";
import { moveTenant, type MoveOptions } from "../../src/database/move/run.ts";
import { silentLog } from "../../src/kernel/log.ts";
import { createTestDatabase } from "./database.ts";

export type TwoCells = {
  urls: Record<"home" | "us", string>;
  home: pg.Pool;
  us: pg.Pool;
  move(tenant: string, to: string, options?: Partial<MoveOptions>): ReturnType<typeof moveTenant>;
  /** Clears the old cell of what is left, as if nobody knew the tenant there any more. */
  clear(tenant: string, from: "home" | "us", to: "home" | "us"): Promise<void>;
  close(): Promise<void>;
};

/** Makes them, marked as a service marks them; no service runs. */
export async function makeTwoCells(): Promise<TwoCells> {
  const databases = [await createTestDatabase(), await createTestDatabase()];
  const [ofHome = "", ofUs = ""] = databases.map(({ url }) => url);
  const connections = [ofHome, ofUs].map((url) =>
    connect(url, { name: "test", max: 5, log: silentLog }),
  ) as [Connection, Connection];
  const [home, us] = connections.map(({ pool }) => pool) as [pg.Pool, pg.Pool];
  for (const [name, pool] of Object.entries({ home, us })) {
    await pool.query("insert into posthorn.settings (name, value) values ('cell', $1)", [name]);
    await pool.query("insert into posthorn.placements (tenant, cell) values ('*', 'home')");
  }
  return {
    urls: { home: ofHome, us: ofUs },
    home,
    us,
    move: (tenant, to, options = {}) =>
      moveTenant({ ...moveOptions(ofHome, ofUs), tenant, to, ...options }),
    async clear(tenant, from, to) {
      const pools = { home, us };
      const left = { tenant, cell: to, isClear: false };
      for (;;) {
        const done = await clearNext(pools[from], pools[to], left, 30);
        if (done?.deleted === 0) return;
      }
    },
    async close() {
      for (const connection of connections) await connection.close();
      for (const database of databases) await database.drop();
    },
  };
}

/** What a move needs beside its tenant and its target. */
export const moveOptions = (home: string, us: string) => ({
  cells: new Map([
    ["home", home],
    ["us", us],
  ]),
  tell: () => {},
  retentionD: 30,
  copied: () => {},
  wait: (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms / 10)),
  signal: new AbortController().signal,
});
