// The configuration: every setting, its default and its meaning. The only reader of the environment.
import { z } from "zod";

import { CELL_SETTINGS, refuseCells } from "./config/cells.ts";
import { databaseUrl } from "./config/database.ts";
import { authorities, cidrs, proxy } from "./config/egress.ts";
import { whole } from "./config/numbers.ts";
import { processes } from "./config/processes.ts";
import { adminKey, secretsKeys } from "./config/secrets.ts";
import { setting, type Setting } from "./config/setting.ts";
import { frameAncestors, publicUrl } from "./config/web.ts";
import { StartError } from "./kernel/errors.ts";
import { nearest } from "./kernel/near.ts";
import { wordsFor } from "./kernel/words.ts";

const RETENTION_D = 30;

/** Every setting by its name in the environment. A fallback of null means: decided when the service starts. */
export const SETTINGS = {
  DATABASE_URL: setting(
    databaseUrl,
    null,
    "Where the events live: postgres://…, PostgreSQL 15 or newer. Left out, an embedded database is run.",
  ),
  DATABASE_DIRECT_URL: setting(
    databaseUrl,
    null,
    "The same database past a pooler: for migrations, partitions, retention, and what needs a session. Left out, DATABASE_URL.",
  ),
  DATABASE_READ_URL: setting(
    databaseUrl,
    null,
    "A standby of the same database, which lists and statistics are read from. Left out, or where it is away or behind, DATABASE_URL.",
  ),
  ...CELL_SETTINGS,
  POSTHORN_POOLER: setting(
    z.enum(["transaction", "transaction-named"]),
    null,
    "Where DATABASE_URL leads to a pooler by transactions, as PgBouncer: transaction, or transaction-named where it keeps prepared statements (PgBouncer 1.21 with max_prepared_statements). Needs DATABASE_DIRECT_URL.",
  ),
  POSTHORN_DATA_DIR: setting(
    z.string().min(1),
    "./.posthorn",
    "Where the embedded database lives.",
  ),
  HOST: setting(z.string().min(1), "127.0.0.1", "The address to listen on."),
  PORT: setting(
    whole(0, 65_535),
    "8080",
    "The port to listen on; 0 picks a free one, which the ready line tells.",
  ),
  POSTHORN_ADMIN_KEY: setting(
    adminKey,
    null,
    "The admin's API key, any text of 24 characters or more. Left out, one is made at the first start and shown once.",
  ),
  POSTHORN_SECRETS_KEY: setting(
    secretsKeys,
    null,
    "Encrypts signature keys and header values at rest: 32 bytes in base64, several comma-separated, newest first. Required with DATABASE_URL; the embedded database keeps its own.",
  ),
  POSTHORN_EGRESS_ALLOW: setting(
    cidrs,
    null,
    "CIDRs that may be sent to although they are private or reserved. Left out: 127.0.0.0/8,::1/128 with the embedded database, none with DATABASE_URL. Set to nothing, none.",
  ),
  POSTHORN_EGRESS_PROXY: setting(
    proxy,
    null,
    "A proxy that every delivery goes through by CONNECT, for fixed source addresses: http://user:password@proxy:3128, or https.",
  ),
  POSTHORN_CA_FILE: setting(
    authorities,
    null,
    "A PEM file of authorities whose certificates are trusted beside the well-known ones.",
  ),
  POSTHORN_HTTP: setting(
    z.enum(["preset", "always", "never"]),
    "preset",
    "Plain http: as each preset rules, always allowed (development), or never.",
  ),
  POSTHORN_CONCURRENCY: setting(whole(1, 10_000), "256", "Requests in flight, of one worker."),
  POSTHORN_MAX_IN_FLIGHT_PER_WEBHOOK: setting(
    whole(1, 10_000),
    "16",
    "Requests in flight to one webhook, of one worker.",
  ),
  POSTHORN_MAX_IN_FLIGHT_PER_HOST: setting(
    whole(0, 10_000),
    "0",
    "Requests in flight to one host and port, of one worker; 0: no limit of its own.",
  ),
  POSTHORN_CONNECTIONS: setting(
    whole(2, 1_000),
    null,
    "Connections of one process to the database, all together: 16 for serve (4 at least), 10 for api (2), 6 for worker (2, and no more than 6 are of use). Left out, as many as these.",
  ),
  POSTHORN_PROCESSES: setting(
    processes,
    "1",
    "How many processes serve, api and worker run, under one supervisor that starts one again when it ends; auto: one a core. Each has the connections, the slots and the bounds of one.",
  ),
  POSTHORN_PUBLIC_URL: setting(
    publicUrl,
    null,
    "Where browsers find this service, for links into the portal: https://hooks.example.com, with the path that a proxy puts before it. Left out, where it listens.",
  ),
  POSTHORN_FRAME_ANCESTORS: setting(
    frameAncestors,
    "'none'",
    "The sites that may show the portal in a frame, separated by spaces: https://app.example.com https://*.example.org. 'self' is this service's own origin, 'none' nobody.",
  ),
  POSTHORN_NOTIFY: setting(
    z.enum(["auto", "on", "off"]),
    "auto",
    "Whether a publish wakes a resting worker by NOTIFY, after which a transaction can't be prepared (PREPARE TRANSACTION). auto: where max_prepared_transactions is 0; off: a worker finds it within a second.",
  ),
  POSTHORN_INSTALLATION: setting(
    z.string().regex(/^[\w.-]{1,63}$/, "1 to 63 letters, digits and any of . _ - are needed"),
    null,
    "What this installation is called. Its database remembers the name: under another one nothing is sent, so that a copy calls nobody, until posthorn resume-all --adopt. Left out: the database's name.",
  ),
  POSTHORN_RATE_PER_KEY: setting(
    whole(0, 1_000_000),
    "0",
    "Requests a second of one API key, to one process; more are answered 429. 0: no limit.",
  ),
  POSTHORN_WEBHOOKS_MAX: setting(whole(1, 10_000_000), "100000", "Webhooks of one tenant at most."),
  POSTHORN_RETENTION_D: setting(
    whole(1, 3_650),
    String(RETENTION_D),
    "Days that events, deliveries and attempts are kept, whole days by UTC. The day of an event with a pending delivery stays longer.",
  ),
  POSTHORN_PAYLOAD_RETENTION_D: setting(
    whole(1, 3_650),
    null,
    "Days that payloads are kept, POSTHORN_RETENTION_D at most. Left out: 30, or POSTHORN_RETENTION_D where that is less.",
  ),
  POSTHORN_IDEMPOTENCY_H: setting(
    whole(1, 8_760),
    "72",
    "Hours that an idempotency key is remembered.",
  ),
  POSTHORN_HOLD_H: setting(
    whole(1, 8_760),
    "168",
    "Hours that deliveries of a paused or disabled webhook are held before they are cancelled.",
  ),
  POSTHORN_DISABLE_AFTER_H: setting(
    whole(0, 8_760),
    "120",
    "Hours of failures without a success after which a webhook is disabled; 0: never.",
  ),
  POSTHORN_UNKNOWN_TYPES: setting(
    z.enum(["reject", "accept"]),
    "reject",
    "Publishing a type that is not in the catalogue: refuse it, or add it.",
  ),
  POSTHORN_TRACE_RECEIVERS: setting(
    z.enum(["off", "on"]),
    "off",
    "Whether a request to a receiver carries a traceparent, of the trace that its event was published in.",
  ),
  LOG_LEVEL: setting(
    z.enum(["debug", "info", "warn", "error"]),
    "info",
    "What is logged, on stdout.",
  ),
} satisfies Record<string, Setting>;

// What README and the examples have a caller export, often in the shell that the service is started from.
const CALLERS_NAMES = ["POSTHORN_KEY", "POSTHORN_URL"];

type Name = keyof typeof SETTINGS;
type Values = {
  [N in Name]: z.output<(typeof SETTINGS)[N]["read"]> | (typeof SETTINGS)[N]["fallback"];
};
type Decided =
  | "DATABASE_URL"
  | "DATABASE_DIRECT_URL"
  | "DATABASE_READ_URL"
  | "POSTHORN_CELLS"
  | "POSTHORN_CELLS_DIRECT"
  | "POSTHORN_CELLS_READ"
  | "POSTHORN_POOLER"
  | "POSTHORN_ADMIN_KEY"
  | "POSTHORN_SECRETS_KEY"
  | "POSTHORN_EGRESS_ALLOW"
  | "POSTHORN_EGRESS_PROXY"
  | "POSTHORN_CA_FILE"
  | "POSTHORN_PUBLIC_URL"
  | "POSTHORN_CONNECTIONS";

/** The settings by name; null where the start decides, or where there is none. */
export type Config = {
  [N in Name]: z.output<(typeof SETTINGS)[N]["read"]> | (N extends Decided ? null : never);
};

/** Which settings mean nothing without which, and the page that tells of them. */
const NEEDS = [
  ["POSTHORN_POOLER", "DATABASE_URL", "docs/pooler.md"],
  ["POSTHORN_POOLER", "DATABASE_DIRECT_URL", "docs/pooler.md"],
  ["DATABASE_DIRECT_URL", "DATABASE_URL", "docs/pooler.md"],
  ["DATABASE_READ_URL", "DATABASE_URL", "docs/replica.md"],
  ["POSTHORN_CELLS", "DATABASE_URL", "docs/cells.md"],
  ["POSTHORN_CELLS_DIRECT", "POSTHORN_CELLS", "docs/cells.md"],
  ["POSTHORN_CELLS_READ", "POSTHORN_CELLS", "docs/cells.md"],
] as const satisfies [Decided, Decided, string][];

/**
 * Reads the configuration. Throws a StartError that names the first bad setting and says what is needed; its value
 * is not repeated, since it may be a secret. `warn` hears of settings that are not known.
 */
export function loadConfig(
  env: NodeJS.ProcessEnv = process.env,
  warn: (text: string) => void = () => {},
): Config {
  const values: Partial<Values> = {};
  for (const [name, { read, fallback }] of Object.entries(SETTINGS)) {
    // Set to nothing means something for a list of CIDRs; anywhere else it means left out.
    const text = name === "POSTHORN_EGRESS_ALLOW" ? env[name] : env[name] || undefined;
    const given = text ?? fallback;
    const result =
      given === null
        ? { success: true as const, data: null }
        : read.safeParse(given, { error: wordsFor });
    if (!result.success)
      throw new StartError(`${name}: ${result.error.issues[0]?.message ?? "not valid"}`);
    Object.assign(values, { [name]: result.data });
  }
  values.POSTHORN_PAYLOAD_RETENTION_D ??= Math.min(
    RETENTION_D,
    Number(values.POSTHORN_RETENTION_D),
  );
  const config = values as Config;
  if (config.POSTHORN_PAYLOAD_RETENTION_D > config.POSTHORN_RETENTION_D)
    throw new StartError(
      `POSTHORN_PAYLOAD_RETENTION_D: ${config.POSTHORN_PAYLOAD_RETENTION_D} days are more than POSTHORN_RETENTION_D's ${config.POSTHORN_RETENTION_D}: a payload is not kept without its event`,
    );
  refuseCells(config);
  for (const [name, needed, page] of NEEDS)
    if (config[name] !== null && config[needed] === null)
      throw new StartError(`${name}: needs ${needed} beside it (${page})`);
  for (const name of Object.keys(env))
    if (name.startsWith("POSTHORN_") && !(name in SETTINGS) && !CALLERS_NAMES.includes(name))
      warn(`${name} is not a setting of this version; it is ignored${meant(name)}`);
  return config;
}

/** Settings by their names in the environment, as a program gives them. */
export type Settings = { readonly [N in Name]?: string | number | undefined };

/** Reads settings that a program gives, by the same checks. Throws a StartError, for an unknown one too. */
export function readSettings(settings: Settings): Config {
  const env: NodeJS.ProcessEnv = {};
  for (const [name, value] of Object.entries(settings)) {
    if (!(name in SETTINGS))
      throw new StartError(`${name} is not a setting of this version${meant(name)}`);
    if (value !== undefined) env[name] = String(value);
  }
  return loadConfig(env);
}

function meant(name: string): string {
  const near = nearest(name, Object.keys(SETTINGS));
  return near === undefined ? "" : `; did you mean ${near}?`;
}

/** The text of `.env.example`. */
export function envExample(): string {
  const entries = Object.entries(SETTINGS).map(([name, { fallback, about }]) => {
    const lines = about.match(/.{1,98}(?:\s|$)/g) ?? [about];
    return `${lines.map((line) => `# ${line.trim()}`).join("\n")}\n# ${name}=${fallback ?? ""}\n`;
  });
  return `# Posthorn's settings. Each line shows the default; uncomment it to change it.\n\n${entries.join("\n")}`;
}
