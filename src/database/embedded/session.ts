// Who uses the running server: session advisory locks, which vanish with their process, kill -9 included. They are held in the
// maintenance database, that only our own role may enter: another role could hold them too, and be in the way.
import type pg from "pg";

import { monotonic, sleep } from "../../kernel/clock.ts";
import { SECOND } from "../../kernel/duration.ts";
import { StartError } from "../../kernel/errors.ts";
import { openClient } from "../client.ts";
import { SUPERUSER } from "./cluster.ts";
import { codeOf } from "./error-code.ts";
import type { Place } from "./place.ts";
import { findPostmaster, type Postmaster } from "./postmaster.ts";
import { ensureServer, stopServer, type StartOptions } from "./server.ts";
import { SOCKET_PORT } from "./socket-dir.ts";

const DATABASE = "posthorn";
const TRY_TO_OWN = "select pg_try_advisory_lock(1) as is_held"; // the one service
const TRY_TO_SHARE = "select pg_try_advisory_lock_shared(2) as is_held"; // commands beside it
const TRY_TO_BE_ALONE = "select pg_try_advisory_lock(1) and pg_try_advisory_lock(2) as is_held";

const POLL_MS = 20;
const OWNER_WAIT_MS_MAX = 1 * SECOND; // a killed owner's connection takes a moment to be noticed
const SOCKET_GONE_MS_MAX = 3 * SECOND; // a server that stops removes its socket first, and is gone soon after

/**
 * The URL of a database behind a socket, for node-postgres and libpq alike. It says all there is to say, because
 * PGPORT or PGSSLMODE in the environment would fill in what it leaves out.
 */
export function socketUrl(socketDir: string, database = DATABASE): string {
  const host = encodeURIComponent(socketDir);
  return `postgres:///${database}?host=${host}&port=${SOCKET_PORT}&user=${SUPERUSER}&sslmode=disable`;
}

/** Answers a session that holds its lock in a server that runs; a server that stops under us is started again. */
export async function enterServer(
  place: Place,
  share: boolean,
  options: StartOptions,
): Promise<{ session: pg.Client; socketDir: string }> {
  let enterBy = options.readyBy;
  for (;;) {
    const postmaster = await ensureServer(place, options);
    const { socketDir } = postmaster;
    try {
      return { session: await openSession(socketDir, place, share), socketDir };
    } catch (error) {
      if (!isPassing(error)) throw error;
      const noSocket = codeOf(error) === "ENOENT";
      if (noSocket) enterBy = Math.min(enterBy, monotonic() + SOCKET_GONE_MS_MAX);
      if (monotonic() > enterBy) throw unreachable(postmaster, place, error as Error);
    }
    await sleep(POLL_MS, options.signal);
  }
}

async function openSession(socketDir: string, place: Place, share: boolean): Promise<pg.Client> {
  const session = await connect(socketDir);
  try {
    if (share) await ask(session, TRY_TO_SHARE);
    else await takeOwnership(session, place);
    await makeDatabase(session);
    return session;
  } catch (error) {
    await session.end().catch(() => undefined);
    throw error;
  }
}

async function takeOwnership(session: pg.Client, { dataDir }: Place): Promise<void> {
  const until = monotonic() + OWNER_WAIT_MS_MAX;
  while (!(await ask(session, TRY_TO_OWN))) {
    if (monotonic() > until)
      throw new StartError(
        `another posthorn is running on the data folder ${dataDir}${await ownerOf(session)}: stop it first, or choose another POSTHORN_DATA_DIR`,
      );
    await sleep(POLL_MS);
  }
}

async function ownerOf(session: pg.Client): Promise<string> {
  const { rows } = await session.query<{ name: string }>(
    `select a.application_name as name from pg_locks as l join pg_stat_activity as a using (pid)
     where l.locktype = 'advisory' and l.objid = 1 and l.granted and a.datname = current_database()`,
  );
  return rows[0] === undefined ? "" : ` (${rows[0].name.replace("posthorn ", "")})`;
}

// One at a time: two commands may be the first at once.
async function makeDatabase(session: pg.Client): Promise<void> {
  await session.query("select pg_advisory_lock(3)");
  const { rows } = await session.query("select from pg_database where datname = $1", [DATABASE]);
  if (rows.length === 0) {
    await session.query("revoke connect on database postgres from public");
    await session.query(`create database ${DATABASE}`);
  }
  await session.query("select pg_advisory_unlock(3)");
}

async function ask(session: pg.Client, question: string): Promise<boolean> {
  const { rows } = await session.query<{ is_held: boolean }>(question);
  return rows[0]?.is_held === true;
}

/**
 * Leaves the server: whoever is the last to, stops it, and nobody new gets in meanwhile. One who holds no session in it asks
 * by a new one; where that can't be had, nobody else gets in either. Answers false where the server can't be stopped.
 */
export async function leaveServer(place: Place, held?: pg.Client): Promise<boolean> {
  const postmaster = await findPostmaster(place.clusterDir);
  const session =
    held ?? (postmaster && (await connect(postmaster.socketDir).catch(() => undefined)));
  try {
    await session?.query("select pg_advisory_unlock_all()");
    const isUsed = session !== undefined && !(await ask(session, TRY_TO_BE_ALONE));
    return isUsed || (await stopServer(place.clusterDir));
  } catch {
    return true; // the session is lost: so is the server, or it is started again by somebody else
  } finally {
    await session?.end().catch(() => undefined);
  }
}

const connect = (socketDir: string) =>
  openClient(socketUrl(socketDir, "postgres"), `pid ${process.pid}`);

// What a server that starts, stops or crashed answers: the next try may find another.
function isPassing(error: unknown): boolean {
  const code = codeOf(error) ?? "";
  if (/^57P0[1-3]$|^(ENOENT|ECONNREFUSED|ECONNRESET|EPIPE)$/.test(code)) return true;
  return /Connection terminated|timeout expired|not queryable/.test((error as Error).message);
}

function unreachable({ pid, socketDir }: Postmaster, place: Place, cause: Error): StartError {
  return new StartError(
    `PostgreSQL (pid ${pid}) runs on ${place.clusterDir}, and its socket in ${socketDir} can't be reached (${cause.message}): stop it with kill -INT ${pid} and start posthorn again`,
    { cause },
  );
}
