// A cell with a server of its own, and the tenant that lives in it.
import pg from "pg";

import type { Postgres } from "../../test/helpers/postgres.ts";
import { settings } from "../service.ts";

const CHANNELS = 100;

/** The tenant is called as the cell is; the channels' names are paths at the receiver. */
export type Cell = { name: string; server: Postgres; channels: string[] };

export function cellOf(name: string, server: Postgres): Cell {
  return { name, server, channels: Array.from({ length: CHANNELS }, (_, n) => `${name}-${n}`) };
}

/** What a service is started with: with both, or with home as its one database. */
export const envOf = (home: Cell, us?: Cell) => ({
  ...settings(home.server.url),
  ...(us && { POSTHORN_CELLS: `${us.name}=${us.server.url}` }),
});

/** Opens a session of a cell's database, for as long as the work takes. */
export async function withSql<T>(cell: Cell, work: (sql: pg.Client) => Promise<T>): Promise<T> {
  const sql = new pg.Client({ connectionString: cell.server.url });
  await sql.connect();
  try {
    return await work(sql);
  } finally {
    await sql.end();
  }
}
