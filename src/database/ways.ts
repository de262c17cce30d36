// The ways to one database, DATABASE_URL's and others beside it: whether each leads there, and as it was said.
import type pg from "pg";

import { StartError } from "../kernel/errors.ts";
import { databaseError } from "../kernel/faults.ts";
import { openClient } from "./client.ts";
import { knock } from "./knock.ts";
import { poolerOf } from "./pooler.ts";
import { SAY_THE_POOLER, inOneLine } from "./one-line.ts";

const LOOKS = 3; // another process may have had the session in between
const NOT_THERE_OR_TWICE = /^(26000|42P05)$/;

/** Knocks at a database that is meant for sessions, and answers the URL for every connection after it. */
export async function findStraightWay(given: string): Promise<string> {
  const url = await knock(given);
  await refuseHiddenPooler(url);
  return url;
}

/**
 * Throws a StartError where a URL that is meant for sessions leads to a pooler by transactions: locks would stay on its
 * sessions, and statements be looked for where they are not prepared.
 */
async function refuseHiddenPooler(url: string): Promise<void> {
  const client = await openClient(url, "look");
  try {
    if (!(await isByTransactions(client, url))) return;
  } finally {
    await client.end().catch(() => {});
  }
  throw new StartError(
    `DATABASE_URL: it leads to a pooler that hands sessions around by transactions: ${SAY_THE_POOLER}`,
  );
}

// Behind any pooler the driver is told another process than its session's. One by sessions keeps two clients apart.
async function isByTransactions(client: pg.Client, url: string): Promise<boolean> {
  const { processID } = client as pg.Client & { processID: number | null };
  if ((await sessionOf(client)) === processID) return false;
  const other = await openClient(url, "look");
  try {
    for (let look = 0; look < LOOKS; look++)
      if ((await sessionOf(client)) === (await sessionOf(other))) return true;
    return false;
  } finally {
    await other.end().catch(() => {});
  }
}

async function sessionOf(client: pg.Client): Promise<number | undefined> {
  const { rows } = await client.query<{ pid: number }>("select pg_backend_pid() as pid");
  return rows[0]?.pid;
}

/**
 * Answers the URL of a second way to the database of `directUrl`, as every connection after it uses it. Throws a
 * StartError where it leads elsewhere than `beside`, or its sessions are not as they have to be.
 */
export async function findWay(
  given: string,
  directUrl: string,
  setting: string,
  beside: string,
): Promise<string> {
  const find = async () => {
    const isPooled = poolerOf(given) !== undefined;
    const url = await (isPooled ? knock(given) : findStraightWay(given));
    if (poolerOf(url) === "transaction-named") await refuseNames(url);
    return { url, isSame: (await identityAt(url)) === (await identityAt(directUrl)) };
  };
  const { url, isSame } = await inOneLine(find(), setting);
  if (isSame) return url;
  throw new StartError(
    `${setting}: it leads to another database than ${beside}; both have to lead to one`,
  );
}

// The same for a standby, and another for a copy.
async function identityAt(url: string): Promise<string> {
  const client = await openClient(url, "look");
  try {
    const { rows } = await client.query<{ identity: string }>(
      `select system_identifier || ' ' || oid as identity
       from pg_control_system(), pg_catalog.pg_database where datname = current_database()`,
    );
    return rows[0]?.identity ?? "";
  } finally {
    await client.end().catch(() => {});
  }
}

// Two clients prepare under one name what is not the same: of a pooler that only passes it on, the second is refused.
async function refuseNames(url: string): Promise<void> {
  const [one, other] = [await openClient(url, "look"), await openClient(url, "look")];
  try {
    for (let look = 0; look < LOOKS; look++) {
      await one.query({ name: "posthorn look", text: "select 1 as one" });
      await other.query({ name: "posthorn look", text: "select 2 as other" });
    }
  } catch (error) {
    if (!NOT_THERE_OR_TWICE.test(databaseError(error)?.code ?? "")) throw error;
    throw new StartError(
      "POSTHORN_POOLER: transaction-named needs a pooler that keeps the prepared statements of its clients apart, as PgBouncer 1.21 with max_prepared_statements above 0; else set it to transaction",
      { cause: error },
    );
  } finally {
    await Promise.all([one, other].map((client) => client.end().catch(() => {})));
  }
}
