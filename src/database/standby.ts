// How far a standby has come: whether it has replayed all that the primary had written at a moment.
import type pg from "pg";

import { sleep, type MonotonicClock } from "../kernel/clock.ts";
import { SECOND } from "../kernel/duration.ts";

/** A read waits so long for its standby, which on a network of its own is some milliseconds behind; then the primary is the quicker one. */
const CATCH_UP_MS = 500;

const LOOK_AGAIN_MS = 2;
const ANSWER_MS = 1 * SECOND; // a standby that is silent is given up before whoever waits for it gives up

/** A server that is there, and can't answer for the primary now. */
export class NotUsable extends Error {
  override name = "NotUsable";
}

/** Where the primary is in its log of writes: what it has answered as committed lies before that. */
export async function readPosition(primary: Pick<pg.Pool, "query">): Promise<string> {
  const { rows } = await primary.query<{ position: string }>(
    "select pg_current_wal_flush_lsn()::text as position",
  );
  return rows[0]?.position ?? "";
}

// With the replay's lag, which a standby itself knows only by the last commit's time, for whoever reads the log.
const QUESTION = `
  select pg_is_in_recovery() as is_standby, pg_last_wal_replay_lsn() >= $1::pg_lsn as has_it,
    round(pg_wal_lsn_diff($1::pg_lsn, pg_last_wal_replay_lsn()))::float8 as lacking_bytes,
    (select system_identifier::text from pg_control_system()) as cluster`;

type Answer = {
  is_standby: boolean;
  has_it: boolean | null;
  lacking_bytes: number | null;
  cluster: string;
};

/** Waits until the server of this session has all up to a position. Throws a NotUsable where it can't, or does not in time. */
export async function catchUp(
  client: pg.ClientBase,
  { position, cluster }: { position: string; cluster: string },
  monotonic: MonotonicClock,
): Promise<void> {
  for (const began = monotonic(); ; await sleep(LOOK_AGAIN_MS)) {
    const question = { text: QUESTION, values: [position], query_timeout: ANSWER_MS };
    const { rows } = await client.query<Answer>(question as pg.QueryConfig);
    const [answer] = rows;
    if (!answer?.is_standby)
      throw new NotUsable("it takes writes itself: it is the primary, or was promoted");
    if (answer.cluster !== cluster) throw new NotUsable("it is another database's standby by now");
    if (answer.has_it === true) return;
    if (answer.has_it === null) throw new NotUsable("it does not tell how far it has come");
    if (monotonic() - began >= CATCH_UP_MS)
      throw new NotUsable(
        `it lacks ${answer.lacking_bytes} bytes of the primary's log, and did not catch up in ${CATCH_UP_MS} ms`,
      );
  }
}
