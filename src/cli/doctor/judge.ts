// What is found in a database, judged: pure, so that every bad case can be shown.
import type { Examined } from "../../database/examine.ts";
import type { planMigrations } from "../../database/migrate.ts";
import type { OpenTransaction } from "../../database/old-transactions.ts";
import { PARTITION_DAYS_AHEAD } from "../../database/partitions.ts";
import { HOUR, MINUTE, SECOND } from "../../kernel/duration.ts";
import { printable } from "../../kernel/printable.ts";
import type { Sending } from "../../queue/sending.ts";
import { bad, ok, type Finding } from "./finding.ts";

type Plan = Awaited<ReturnType<typeof planMigrations>>;

const DAYS_MIN = { error: 1, warning: 7 }; // none tomorrow is an outage at midnight; a week is time to react
const CLOCK_MS_MAX = { warning: 2 * SECOND, error: 5 * MINUTE }; // receivers of `standard` refuse what is 5 minutes off
const OPEN_MS_MAX = { warning: 1 * MINUTE, error: 1 * HOUR };
const ROUND_TRIP_MS_MAX = 20; // a delivery takes a few of them
const USED_MAX = 0.8; // of the server's connections: the rest is for what a restart and a backup need

/** From what age on an open transaction is looked for. */
export const OPEN_S_MIN = OPEN_MS_MAX.warning / SECOND;

export function judgeServer(
  { server, role }: Pick<Examined, "server" | "role">,
  roundTripMs: number,
): Finding {
  const found = `PostgreSQL ${server} as ${printable(role)}, answers in ${roundTripMs} ms`;
  if (roundTripMs <= ROUND_TRIP_MS_MAX) return ok("connection", found);
  return bad(
    "connection",
    "warning",
    found,
    "run Posthorn near its database: each delivery takes several answers",
  );
}

export function judgeClock(aheadMs: number): Finding {
  const off = Math.abs(aheadMs);
  const seconds = (off / SECOND).toFixed(1);
  if (off < CLOCK_MS_MAX.warning) return ok("clock", "the database's and this machine's agree");
  return bad(
    "clock",
    off < CLOCK_MS_MAX.error ? "warning" : "error",
    `the database's is ${seconds} s ${aheadMs > 0 ? "ahead of" : "behind"} this machine's`,
    "keep both by NTP: signatures carry the database's time, and receivers refuse one that is far off",
  );
}

/** `sum` is what one more process would take. */
export function judgeConnections(
  {
    sessions,
    our_sessions,
    sessions_max,
  }: Pick<Examined, "sessions" | "our_sessions" | "sessions_max">,
  sum: number,
): Finding {
  const found = `${sessions} of ${sessions_max} are in use, ${our_sessions} by Posthorn; one more posthorn serve takes ${sum}`;
  if ((sessions + sum) / sessions_max <= USED_MAX) return ok("connections", found);
  return bad(
    "connections",
    sessions + sum > sessions_max ? "error" : "warning",
    found,
    "lower POSTHORN_CONNECTIONS or raise max_connections",
  );
}

/** `open` are those that are older than the doctor looks for, the oldest first. */
export function judgeTransactions(open: readonly OpenTransaction[]): Finding {
  const [oldest] = open.filter(({ age_s }) => age_s !== null);
  if (!oldest) return ok("transactions", "none is older than a minute");
  const { pid, gid, role, age_s, state } = oldest;
  const who = pid === null ? `prepared as ${printable(gid ?? "")}` : `pid ${pid}`;
  return bad(
    "transactions",
    (age_s ?? 0) * SECOND < OPEN_MS_MAX.error ? "warning" : "error",
    `${open.length} older than a minute; the oldest is ${age_s} s old: ${who}, role ${printable(role)}, ${state ?? "unknown"}`,
    pid === null ? "commit or roll it back" : `end it, or: select pg_terminate_backend(${pid})`,
  );
}

export function judgeSchema({ version, pending }: Pick<Plan, "version" | "pending">): Finding {
  if (pending.length === 0)
    return ok("schema", `version ${version}, which this program works with`);
  return bad(
    "schema",
    "warning",
    `version ${version}, ${pending.length} behind this program's`,
    "posthorn migrate --plan shows what would run, posthorn migrate does it",
  );
}

export function judgeRights({
  role,
  owner,
  is_owner,
  closed_tables,
}: Pick<Examined, "role" | "owner" | "is_owner" | "closed_tables">): Finding {
  const [name, of] = [printable(role), printable(owner ?? "nobody")];
  if (closed_tables.length > 0)
    return bad(
      "rights",
      "error",
      `${name} may not read and write posthorn.${closed_tables.slice(0, 3).join(", ")}${closed_tables.length > 3 ? " and more" : ""}`,
      "docs/rights.md has the grants that a service needs",
    );
  if (is_owner) return ok("rights", `${name} has those of the schema's owner`);
  return bad(
    "rights",
    "note",
    `${name} may send and publish, but not make tables: the schema is ${of}'s`,
    `let a worker, or posthorn migrate once a day, run as ${of}`,
  );
}

export function judgePartitions(days: number, { is_owner }: Pick<Examined, "is_owner">): Finding {
  const found = `the tables of the next ${days} days are made`;
  if (days >= DAYS_MIN.warning) return ok("partitions", found);
  return bad(
    "partitions",
    days < DAYS_MIN.error ? "error" : "warning",
    `${found}; without a day's nothing can be published on it`,
    `run a worker, or posthorn migrate${is_owner ? "" : ", as the schema's owner"}: it makes ${PARTITION_DAYS_AHEAD}`,
  );
}

export function judgeSending({ reason, since, remembered, here }: Sending): Finding {
  switch (reason) {
    case null:
      return ok("sending", `on, for installation ${printable(remembered ?? here)}`);
    case "paused":
      return bad(
        "sending",
        "warning",
        `paused as a whole since ${since?.toISOString()}: deliveries are held`,
        "posthorn resume-all ends it",
      );
    case "other_installation":
      return bad(
        "sending",
        "warning",
        `held: the database is installation ${printable(remembered ?? "")}'s, and here is ${printable(here)}`,
        "leave a copy so; where it is to send, posthorn resume-all --adopt",
      );
  }
}
