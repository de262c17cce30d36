// What every session of ours sets for itself, whatever the database, the role or DATABASE_URL set. docs/settings-of-the-database.md
// says of each of PostgreSQL's settings why it stands here, or can't matter.
import type pg from "pg";

import { DAY, HOUR, MINUTE, SECOND } from "../kernel/duration.ts";
import { SessionRefused } from "../kernel/faults.ts";
import { poolerOf } from "./pooler.ts";
import { forDriver } from "./tls.ts";

export type Settings = Record<string, string>;

// Names are resolved by us alone: a better fitting operator in another schema of the path would go before pg_catalog's, and
// whoever may create there would have it run with our rights.
const SEARCH_PATH = "pg_catalog, posthorn, pg_temp";

/** What our statements mean, or what we read of their answers, depends on these: a session that differs is refused. */
const NEEDED: Settings = {
  search_path: SEARCH_PATH,
  client_encoding: "UTF8", // the driver asks for it
  DateStyle: "ISO, MDY",
  IntervalStyle: "postgres",
  TimeZone: "UTC",
  bytea_output: "hex",
  extra_float_digits: "1", // the shortest text that is exact
  standard_conforming_strings: "on",
  array_nulls: "on", // off, the driver's NULL in a list is a text
  transform_null_equals: "off",
  quote_all_identifiers: "off",
  default_transaction_isolation: "read committed", // a statement after a wait has to see what it waited for
  default_table_access_method: "heap",
  exit_on_error: "off",
};

/** How fast and how long: set after the connecting where something on the way has dropped them. */
const WISHED: Settings = {
  plan_cache_mode: "auto",
  jit: "off", // compiling costs more than our statements take
  enable_partition_pruning: "on",
  row_security: "off", // an error where rows would be hidden, instead of events that match nobody
  statement_timeout: "0",
  lock_timeout: "0",
  idle_in_transaction_session_timeout: "0",
  idle_session_timeout: "0",
};

/** Where this server has them. */
const NEWER: Settings = { transaction_timeout: "0", restrict_nonsystem_relation_kind: "" };

const CHECK_TIMEOUT_MS = 5 * SECOND;

/** A duration as PostgreSQL prints it, to set and to compare. */
export function duration(ms: number): string {
  const units = { d: DAY, h: HOUR, min: MINUTE, s: SECOND, ms: 1 };
  const [unit, size] = Object.entries(units).find(([, each]) => ms % each === 0) ?? ["ms", 1];
  return ms === 0 ? "0" : `${ms / size}${unit}`;
}

/**
 * What its role has to set for every session, where a pooler hands them around: none is for one purpose alone, and what
 * one caller sets is the next one's too. A wait for a lock is longer than any of ours, and shorter than the statement.
 */
export const BEHIND_POOLER: Settings = {
  ...NEEDED,
  ...WISHED,
  statement_timeout: "20s",
  lock_timeout: "5s",
  idle_in_transaction_session_timeout: "1min",
};

/**
 * The driver's configuration of a session, and the check that it has come about, to be made once after the connecting: some
 * poolers drop what is asked for. What DATABASE_URL's own `options` set stays where it is not ours to set. Behind a pooler
 * nothing is asked for and nothing is set: there it is the role's.
 */
export function sessionSettings(
  url: string,
  name: string,
  own: Settings = {},
): { config: pg.ClientConfig; check(client: pg.ClientBase): Promise<void> } {
  const driven = forDriver(url);
  const { connectionString, options } = withoutOptions(driven.connectionString);
  const wished = { ...WISHED, ...own };
  const isPooled = poolerOf(url) !== undefined;
  const asked = isPooled ? [] : asOptions({ ...NEEDED, ...wished });
  return {
    config: {
      ...driven,
      connectionString,
      application_name: `posthorn ${name}`,
      options: [options, ...asked].join(" ").trim(),
      keepAlive: true,
    },
    check: (client) => (isPooled ? checkPooled(client) : check(client, wished)),
  };
}

const asOptions = (settings: Settings) =>
  Object.entries(settings).map(
    ([setting, value]) => `-c ${setting}=${value.replace(/[\\ ]/g, "\\$&")}`,
  );

// The driver lets what stands in the URL go before its configuration, so that it would replace ours.
function withoutOptions(url: string): { connectionString: string; options: string } {
  const [base = "", query = ""] = url.split("?", 2);
  const parameters = new URLSearchParams(query);
  const options = parameters.get("options") ?? "";
  for (const name of ["options", "application_name", ...DRIVEN]) parameters.delete(name);
  return {
    connectionString: parameters.size === 0 ? base : `${base}?${parameters.toString()}`,
    options,
  };
}

// Settings that the driver sends by parameters of their own, after the options.
const DRIVEN = [
  "statement_timeout",
  "lock_timeout",
  "idle_in_transaction_session_timeout",
  "query_timeout",
  "client_encoding",
  "keepalives",
];

async function check(client: pg.ClientBase, wished: Settings): Promise<void> {
  const missing = await missingIn(client, { ...NEEDED, ...wished });
  const refused = missing.find(({ name }) => name in NEEDED);
  if (refused) {
    const { name, value, found } = refused;
    throw new SessionRefused(
      `posthorn needs sessions whose ${name} is ${value}, and got one with ${found}: something on the way, as a pooler, has dropped what was asked for; where it is one by transactions, set POSTHORN_POOLER and DATABASE_DIRECT_URL (docs/pooler.md), else set it for the role, by: ${refused.alter}`,
    );
  }
  if (missing.length > 0) await set(client, missing);
}

async function checkPooled(client: pg.ClientBase): Promise<void> {
  const [first, ...more] = await missingIn(client, BEHIND_POOLER);
  if (!first) return;
  const others =
    more.length === 0 ? "" : ` (and ${more.length} more: posthorn pooler prints them all)`;
  throw new SessionRefused(
    `behind a pooler the role has to set what sessions need, and one came whose ${first.name} is ${first.found}: ${first.alter}${others}; then have the pooler connect anew, as by PgBouncer's reconnect`,
  );
}

/** A setting that a session has not as it is wanted, and the statement by which its role sets it for all that come. */
export type Missing = { name: string; value: string; found: string; alter: string };

/** What a session has otherwise than it is wanted, and than those that not every server knows are. */
export async function missingIn(client: pg.ClientBase, wanted: Settings): Promise<Missing[]> {
  const all: Settings = { ...wanted, ...NEWER, synchronous_commit: "local" };
  const rows = await read(client, Object.keys(all));
  return rows.flatMap(({ name, found, role }) => {
    const { [name]: value = "" } = all;
    if (found === null || plain(found) === plain(value)) return []; // null: this server does not know it
    // What was answered as stored has to outlive a crash of the server. How many standbys have to have it is the operator's say.
    if (name === "synchronous_commit" && found !== "off") return [];
    const literal = name === "search_path" ? value : `'${value}'`;
    return [{ name, value, found, alter: `alter role ${role} set ${name} = ${literal}` }];
  });
}

// Nothing here is found by the search_path.
async function read(client: pg.ClientBase, names: string[]) {
  const { rows } = await client.query<{ name: string; found: string | null; role: string }>({
    text: `select name, pg_catalog.current_setting(name, true) as found,
        pg_catalog.format('%I in database %I', session_user, pg_catalog.current_database()) as role
      from pg_catalog.unnest($1::pg_catalog.text[]) as name`,
    values: [names],
    query_timeout: CHECK_TIMEOUT_MS,
  } as pg.QueryConfig);
  return rows;
}

async function set(client: pg.ClientBase, settings: readonly Missing[]): Promise<void> {
  const calls = settings.map(
    (_, i) => `pg_catalog.set_config($${2 * i + 1}, $${2 * i + 2}, false)`,
  );
  await client.query({
    text: `select ${calls.join(", ")}`,
    values: settings.flatMap(({ name, value }) => [name, value]),
    query_timeout: CHECK_TIMEOUT_MS,
  } as pg.QueryConfig);
}

// A list may be written with other spaces and quotes.
const plain = (value: string) => value.toLowerCase().replace(/[ "]/g, "");
