// How many connections one process has to its database, and for what: POSTHORN_CONNECTIONS is their sum.
import type pg from "pg";

import { StartError } from "../kernel/errors.ts";
import type { Log } from "../kernel/log.ts";

export type Role = "serve" | "api" | "worker";

/** What has connections of its own: publishing, with the keys of callers; all other calls; the delivery loop; its housekeeping. */
export const PARTS = ["publishing", "calls", "loop", "upkeep"] as const;

/** How many each part has; those that the role does not have are 0. `watch` is what a worker shows that it lives by. */
export type Connections = Record<(typeof PARTS)[number] | "watch", number>;

const LOOP_MAX = 3; // a claim, the events of the one before, and a settle; more would only take them from others
const UPKEEP_MAX = 2; // a replay's step and a sweep; what has to be on time goes with the loop

const SUMS = {
  serve: { usual: 16, min: 4, ofLoop: 1 / 5, twoForUpkeepFrom: 8 },
  api: { usual: 10, min: 2, ofLoop: 0, twoForUpkeepFrom: Infinity },
  worker: {
    usual: LOOP_MAX + UPKEEP_MAX + 1,
    min: 2,
    ofLoop: 1,
    twoForUpkeepFrom: LOOP_MAX + UPKEEP_MAX,
  },
};

/** Shares so many connections out over the parts of a process; null for as many as is usual. Each part has one at least. */
export function shareOut(role: Role, wanted: number | null): Connections {
  const { usual, min, ofLoop, twoForUpkeepFrom } = SUMS[role];
  const sum = wanted ?? usual;
  if (sum < min)
    throw new StartError(
      `POSTHORN_CONNECTIONS: at least ${min} are needed for posthorn ${role}, ${sum} were found`,
    );
  if (role === "api") return { ...halved(sum), loop: 0, upkeep: 0, watch: 0 };
  const watch = sum > min ? 1 : 0; // without it a worker that dies is not seen to
  const rest = sum - watch;
  const upkeep = rest < twoForUpkeepFrom ? 1 : UPKEEP_MAX;
  const loop = Math.max(1, Math.min(LOOP_MAX, rest - upkeep, Math.floor(rest * ofLoop)));
  if (role === "worker") return { publishing: 0, calls: 0, loop, upkeep, watch };
  return { ...halved(rest - loop - upkeep), loop, upkeep, watch };
}

function halved(sum: number): Pick<Connections, "publishing" | "calls"> {
  const publishing = Math.floor(sum / 2);
  return { publishing, calls: sum - publishing };
}

/** All of them together. */
export function sumOf({ publishing, calls, loop, upkeep, watch }: Connections): number {
  return publishing + calls + loop + upkeep + watch;
}

/** Logs how many there are of each part, and of so many processes and cells together; `more` are those to another server. */
export function tellConnections(
  log: Log,
  connections: Connections,
  { processes, cells, more }: { processes: number; cells: number; more: object | null },
): void {
  const sum = sumOf(connections);
  const all = processes > 1 ? { processes, ofAllProcesses: sum * processes } : {};
  const ofCells = cells > 1 ? { cells, ofAllCells: sum * processes * cells } : {};
  log.info(
    { sum, ...connections, ...more, ...all, ...ofCells },
    "connections to the database, at most",
  );
}

/** Throws a StartError where the database will never let so many processes have so many each. */
export async function refuseTooFew(
  pool: pg.Pool,
  role: Role,
  connections: Connections,
  processes: number,
): Promise<void> {
  const sum = sumOf(connections) * processes;
  const { rows } = await pool.query<{ most: number; whose: string }>(LIMITS);
  const [tightest] = rows;
  if (!tightest || tightest.most >= sum) return;
  const { most, whose } = tightest;
  const { min } = SUMS[role];
  const each = Math.floor(most / processes);
  const fewer = processes > 1 ? `, or fewer POSTHORN_PROCESSES` : "";
  const way =
    each >= min
      ? `set POSTHORN_CONNECTIONS to ${each} or fewer${fewer}, or raise that`
      : `raise that${fewer}: posthorn ${role} needs ${min} at least${processes > 1 ? " in each process" : ""}`;
  const who =
    processes > 1
      ? `${processes} processes are to have ${sum} (POSTHORN_PROCESSES, each with POSTHORN_CONNECTIONS)`
      : `this process is to have ${sum} (POSTHORN_CONNECTIONS)`;
  throw new StartError(`DATABASE_URL: ${whose} lets in ${most} connections, and ${who}; ${way}`);
}

// A limit of -1 is none, and none but the server's binds a superuser, who may have what is reserved too.
const LIMITS = `
  select most, whose from (
    select rolconnlimit as most, 'the role ' || quote_ident(rolname) as whose
    from pg_catalog.pg_roles where rolname = session_user and rolconnlimit >= 0 and not rolsuper
    union all
    select d.datconnlimit, 'the database ' || quote_ident(d.datname)
    from pg_catalog.pg_database as d
    join pg_catalog.pg_roles as r on r.rolname = session_user and not r.rolsuper
    where d.datname = current_database() and d.datconnlimit >= 0
    union all
    select current_setting('max_connections')::integer - case when rolsuper then 0 else
        current_setting('superuser_reserved_connections')::integer
        + coalesce(current_setting('reserved_connections', true)::integer, 0)
      end, 'the server (max_connections)'
    from pg_catalog.pg_roles where rolname = session_user
  ) as limits
  order by most limit 1`;
