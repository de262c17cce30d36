// Who waits for a lock, so that a test goes on at the moment that it is about.
import type pg from "pg";

import { until } from "./api.ts";

/** How many sessions wait for a lock that `holder` has, or behind one that does: nobody else's waiting counts. */
async function waitingBehind(holder: pg.ClientBase): Promise<number> {
  // pg_locks, since pg_stat_activity knows no session that came after the transaction's first look at it.
  const { rows } = await holder.query<{ count: number }>(
    `with recursive behind(pid) as (
       select pg_backend_pid()
       union select waiting.pid from pg_locks as waiting, behind
         where not waiting.granted and behind.pid = any(pg_blocking_pids(waiting.pid))
     )
     select count(*)::integer - 1 as count from behind`,
  );
  return rows[0]?.count ?? 0;
}

/** Waits until so many sessions wait behind `holder`. */
export const untilWaiting = (holder: pg.ClientBase, count = 1) =>
  until(
    () => waitingBehind(holder),
    (waiting) => waiting >= count,
  );
