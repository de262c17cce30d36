// The cells' connections of a move.
import type pg from "pg";

import { StartError } from "../../kernel/errors.ts";
import { openClient } from "../client.ts";
import { inOneLine } from "../one-line.ts";
import { findStraightWay } from "../ways.ts";

const LOCK_WAIT_S = 30; // for what writes of the tenant now: a call takes 10 s at most

/** The home's connection, and how to get that of another cell, or the same again. */
export type Opened = { home: pg.Client; open: (cell: string) => Promise<pg.Client> };

/**
 * Does the work with connections to cells, given by their URLs, the home's first, and closes them. Throws a StartError of one line for a
 * cell that is away, or a database that is another one.
 */
export async function withClients<T>(
  cells: ReadonlyMap<string, string>,
  work: (opened: Opened) => Promise<T>,
): Promise<T> {
  const clients = new Map<string, pg.Client>();
  const open = async (cell: string): Promise<pg.Client> => {
    const there = clients.get(cell);
    if (there) return there;
    const url = cells.get(cell);
    if (url === undefined)
      throw new StartError(`the cell ${cell} is none of POSTHORN_CELLS; nothing was changed`);
    const client = await openClient(await findCell(cell, url), "move");
    clients.set(cell, client);
    await refuseOther(client, cell);
    return client;
  };
  const [first = ""] = cells.keys();
  try {
    return await work({ home: await open(first), open });
  } finally {
    await Promise.all([...clients.values()].map((client) => client.end().catch(() => {})));
  }
}

async function findCell(cell: string, url: string): Promise<string> {
  return inOneLine(findStraightWay(url), `the cell ${cell}`).catch((error: unknown) => {
    if (!(error instanceof StartError)) throw error;
    const why = error.message.replace("DATABASE_URL:", `the cell ${cell}:`);
    throw new StartError(`${why}; nothing was changed`, { cause: error });
  });
}

async function refuseOther(client: pg.Client, cell: string): Promise<void> {
  const { rows } = await client.query<{ is: boolean }>(
    "select to_regclass('posthorn.placements') is not null as is",
  );
  const own =
    rows[0]?.is === true
      ? (
          await client.query<{ value: string }>(
            "select value from posthorn.settings where name = 'cell'",
          )
        ).rows[0]?.value
      : undefined;
  if (own !== cell)
    throw new StartError(
      `the database of the cell ${cell} ${own === undefined ? "is no cell yet: start a service with POSTHORN_CELLS first" : `is the cell ${own}`}; nothing was changed`,
    );
  await client.query(`set lock_timeout = '${LOCK_WAIT_S}s'`);
}
