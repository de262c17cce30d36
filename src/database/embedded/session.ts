// One connection to the embedded database, made whole where it is new.
import type pg from "pg";

import { openClient } from "../client.ts";
import { SUPERUSER } from "./cluster.ts";
import { codeOf } from "./error-code.ts";
import { SOCKET_PORT } from "./socket-dir.ts";

const DATABASE = "posthorn";

/**
 * The URL of a database behind a socket, for node-postgres and libpq alike. It says all there is to say, because
 * PGPORT or PGSSLMODE in the environment would fill in what it leaves out.
 */
export function socketUrl(socketDir: string, database = DATABASE): string {
  const host = encodeURIComponent(socketDir);
  return `postgres:///${database}?host=${host}&port=${SOCKET_PORT}&user=${SUPERUSER}&sslmode=disable`;
}

/** Connects to our database, which is made if it is missing. The connection is for one statement after the other. */
export async function openSession(socketDir: string): Promise<pg.Client> {
  try {
    return await connect(socketUrl(socketDir));
  } catch (error) {
    if (codeOf(error) !== "3D000") throw error; // no such database
  }
  const maintenance = await connect(socketUrl(socketDir, "postgres"));
  try {
    await maintenance.query(`create database ${DATABASE}`);
  } catch (error) {
    if (!["42P04", "23505"].includes(codeOf(error) ?? "")) throw error; // else another start was quicker
  } finally {
    await maintenance.end();
  }
  return connect(socketUrl(socketDir));
}

/** The major version of the server behind a session. */
export async function serverMajor(session: pg.Client): Promise<number> {
  const { rows } = await session.query<{ number: number }>(
    "select current_setting('server_version_num')::integer / 10000 as number",
  );
  return rows[0]?.number ?? 0;
}

/** True for what a server that starts, stops or crashed answers: the next try may find another. */
export function isPassing(error: unknown): boolean {
  const code = codeOf(error) ?? "";
  if (/^57P0[1-3]$|^(ENOENT|ECONNREFUSED|ECONNRESET|EPIPE)$/.test(code)) return true;
  return /Connection terminated|timeout expired|not queryable/.test((error as Error).message);
}

const connect = (url: string) => openClient(url, `pid ${process.pid}`);
