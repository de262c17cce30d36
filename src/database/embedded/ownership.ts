// Who may use the running server: session advisory locks, which vanish with their process, kill -9 included.
import type pg from "pg";

import { sleep } from "../../kernel/clock.ts";
import { SECOND } from "../../kernel/duration.ts";
import { StartError } from "../../kernel/errors.ts";

// Two-number keys, apart from every one-number key; the first is "post" in ASCII.
const OWNER = "1886352244, 1"; // held by the one service
const GUEST = "1886352244, 2"; // shared by commands beside it

const OWNER_WAIT_MS_MAX = 1 * SECOND; // a killed owner's connection takes a moment to be noticed
const POLL_MS = 20;

/** Makes this session the owner's, or throws one line that names the folder. */
export async function takeOwnership(session: pg.Client, dataDir: string): Promise<void> {
  for (let waitedMs = 0; waitedMs <= OWNER_WAIT_MS_MAX; waitedMs += POLL_MS) {
    if (await tryOwnership(session)) return;
    await sleep(POLL_MS);
  }
  throw new StartError(
    `another posthorn is running on the data folder ${dataDir}${await ownerOf(session)}: stop it first, or choose another POSTHORN_DATA_DIR`,
  );
}

/** Makes this session the owner's where nobody else is. */
export async function tryOwnership(session: pg.Client): Promise<boolean> {
  await endStrangers(session);
  return ask(session, `pg_try_advisory_lock(${OWNER})`);
}

// Every role sees these locks and can hold them; ours are held by our own role alone. A stranger is ended, with its lock, and
// may delay us by that and no more.
async function endStrangers(session: pg.Client): Promise<void> {
  await session.query(
    `select pg_terminate_backend(held.pid, ${OWNER_WAIT_MS_MAX})
     from (
       select distinct l.pid from pg_catalog.pg_locks as l
       where l.locktype = 'advisory' and (l.classid, l.objid) in ((${OWNER}), (${GUEST})) and l.granted
     ) as held
     join pg_catalog.pg_stat_activity as a on a.pid = held.pid
     where a.usename <> current_user and a.datname = current_database()`,
  );
}

/** Makes this session a guest's: whoever started the server sees that it is in use. */
export const enterAsGuest = (session: pg.Client) =>
  ask(session, `pg_try_advisory_lock_shared(${GUEST})`);

/** Gives up what the session holds, and answers whether nobody else uses the server; then nobody new gets in either. */
export async function isLast(session: pg.Client): Promise<boolean> {
  await session.query("select pg_advisory_unlock_all()");
  return (await tryOwnership(session)) && (await ask(session, `pg_try_advisory_lock(${GUEST})`));
}

async function ask(session: pg.Client, expression: string): Promise<boolean> {
  const { rows } = await session.query<{ answer: boolean }>(`select ${expression} as answer`);
  return rows[0]?.answer === true;
}

async function ownerOf(session: pg.Client): Promise<string> {
  const { rows } = await session.query<{ name: string }>(
    `select application_name as name from pg_locks join pg_stat_activity using (pid)
     where locktype = 'advisory' and (classid, objid) = (${OWNER}) and granted`,
  );
  return rows[0] === undefined ? "" : ` (${rows[0].name.replace("posthorn ", "")})`;
}
