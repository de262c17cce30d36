// What every session of ours sets for itself, whatever the database, the role or DATABASE_URL set. docs/settings-of-the-database.md
// says of each of PostgreSQL's settings why it stands here, or can't matter.
import type pg from "pg";

import { DAY, HOUR, MINUTE, SECOND } from "../kernel/duration.ts";
import { SessionRefused } from "../kernel/faults.ts";
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
 * The driver's configuration of a session, and the check that it has come about, to be made once after the connecting: some
 * poolers drop what is asked for. What DATABASE_URL's own `options` set stays where it is not ours to set.
 */
export function sessionSettings(
  url: string,
  name: string,
  own: Settings = {},
): { config: pg.ClientConfig; check(client: pg.ClientBase): Promise<void> } {
  const driven = forDriver(url);
  const { connectionString, options } = withoutOptions(driven.connectionString);
  const wished = { ...WISHED, ...own };
  const asked = Object.entries({ ...NEEDED, ...wished }).map(
    ([setting, value]) => `-c ${setting}=${value.replace(/[\\ ]/g, "\\$&")}`,
  );
  return {
    config: {
      ...driven,
      connectionString,
      application_name: `posthorn ${name}`,
      options: [options, ...asked].join(" ").trim(),
      keepAlive: true,
    },
    check: (client) => check(client, wished),
  };
}

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
  const found = await read(client, { ...NEEDED, ...wished, ...NEWER, synchronous_commit: "" });
  const differing = (settings: Settings) =>
    Object.entries(settings).filter(
      ([name, value]) => found[name] !== undefined && plain(found[name]) !== plain(value),
    );
  for (const [name, value] of differing(NEEDED)) {
    const { user } = client as pg.Client;
    throw new SessionRefused(
      `posthorn needs sessions whose ${name} is ${value}, and got one with ${found[name]}: something on the way, as a pooler, has dropped what was asked for; set it for the role, by: alter role "${user}" set ${name} = ${value}`,
    );
  }
  const missing = differing({ ...wished, ...NEWER });
  // What was answered as stored has to outlive a crash of the server. How many standbys have to have it is the operator's say.
  if (found["synchronous_commit"] === "off") missing.push(["synchronous_commit", "local"]);
  if (missing.length > 0) await set(client, missing);
}

/** What the session has; undefined where this server does not know a setting. Nothing here is found by the search_path. */
async function read(client: pg.ClientBase, settings: Settings) {
  const { rows } = await client.query<{ name: string; value: string | null }>({
    text: `select name, pg_catalog.current_setting(name, true) as value
      from pg_catalog.unnest($1::pg_catalog.text[]) as name`,
    values: [Object.keys(settings)],
    query_timeout: CHECK_TIMEOUT_MS,
  } as pg.QueryConfig);
  return Object.fromEntries(rows.map(({ name, value }) => [name, value ?? undefined]));
}

async function set(client: pg.ClientBase, settings: [string, string][]): Promise<void> {
  const calls = settings.map(
    (_, i) => `pg_catalog.set_config($${2 * i + 1}, $${2 * i + 2}, false)`,
  );
  await client.query({
    text: `select ${calls.join(", ")}`,
    values: settings.flat(),
    query_timeout: CHECK_TIMEOUT_MS,
  } as pg.QueryConfig);
}

// A list may be written with other spaces and quotes.
const plain = (value: string) => value.toLowerCase().replace(/[ "]/g, "");
