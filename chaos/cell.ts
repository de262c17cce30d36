// One database of a world: its server, the way to it that faults strike, and the harness's own way past that.
import { dirname } from "node:path";

import pg from "pg";

import { socketUrl } from "../src/database/embedded/session.ts";
import type { Database } from "./database.ts";
import { startProxy, type FaultProxy } from "./proxy.ts";

export type Cell = {
  name: string;
  /** Who lives there; its webhooks' paths at the receiver begin with it. */
  tenant: string;
  database: Database;
  proxy: FaultProxy;
  /** A connection of the harness itself, past the proxy; a new one after the server was away. */
  sql<T extends pg.QueryResultRow>(text: string, values?: unknown[]): Promise<T[]>;
  /** The same address, for connections that are to be held. */
  directUrl(): string;
  close(): Promise<void>;
};

/** A transaction of the harness that holds what it has locked. */
export type Held = { release(): Promise<void> };

/** Puts a proxy before a database. */
export async function createCell(name: string, tenant: string, database: Database): Promise<Cell> {
  const proxy = await startProxy(database.socketFile);
  let direct: Promise<pg.Client> | undefined;
  const directUrl = () => socketUrl(dirname(database.socketFile()));

  async function connect(): Promise<pg.Client> {
    const client = new pg.Client({ connectionString: directUrl() });
    client.on("error", () => (direct = undefined));
    await client.connect();
    return client;
  }

  return {
    name,
    tenant,
    database,
    proxy,
    directUrl,
    async sql<T extends pg.QueryResultRow>(text: string, values: unknown[] = []) {
      direct ??= connect();
      try {
        return (await (await direct).query<T>(text, values)).rows;
      } catch (error) {
        direct = undefined;
        throw error;
      }
    },
    async close() {
      await direct?.then((client) => client.end()).catch(() => undefined); // the server may be gone
      await proxy.close();
    },
  };
}

/** Holds what one statement locks, until it is released or the server ends. */
export async function hold(cell: Cell, text: string, values: unknown[] = []): Promise<Held> {
  const client = new pg.Client({ connectionString: cell.directUrl() });
  client.on("error", () => {}); // the server may go away under it
  await client.connect();
  await client.query("begin");
  await client.query(text, values);
  return { release: () => client.end().catch(() => undefined) };
}
