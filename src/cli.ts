#!/usr/bin/env node
// The command line: `posthorn serve`, `api`, `worker`, `migrate`, `openapi`, `keys create`, `secrets rotate`, `listen`.
import { existsSync, writeFileSync } from "node:fs";

import { Command, InvalidArgumentError, Option } from "commander";

import { commandOf, firstSteps } from "./banner.ts";
import { loadConfig, type Config } from "./config.ts";
import { openDatabase } from "./database.ts";
import { openapiYaml } from "./http/openapi.ts";
import { StartError } from "./kernel/errors.ts";
import { instantInput, TENANT_PATTERN } from "./kernel/fields.ts";
import { createLog, silentLog } from "./kernel/log.ts";
import { startReceiver, type ListenOptions } from "./listen.ts";
import { PRESET_NAMES } from "./presets/index.ts";
import { KEY_SCOPES, type KeyScope } from "./kernel/scopes.ts";
import { VERSION } from "./kernel/version.ts";
import { startService, type Role } from "./service.ts";
import { connect } from "./store/connect.ts";
import { createKey } from "./store/keys.ts";
import { rotateSecrets, tellRotation } from "./store/secrets-rotation.ts";

const program = new Command("posthorn")
  .description("Webhooks sent out of your Postgres.")
  .version(VERSION)
  // A wrong command line is told like everything else that stops a start: in one line.
  .configureOutput({
    outputError: (text, write) => write(text.replace("error:", "posthorn:").replace("\n(", " (")),
  })
  .addHelpText(
    "after",
    "\nSettings come from the environment, and from a file .env beside you; .env.example lists them.",
  );

program
  .command("serve")
  .description("run the API and the delivery loop; without DATABASE_URL on an embedded PostgreSQL")
  .action(() => run("serve"));
program
  .command("api")
  .description("run the API alone")
  .action(() => run("api"));
program
  .command("worker")
  .description("run the delivery loop alone")
  .action(() => run("worker"));

program
  .command("migrate")
  .description("bring the database's schema up to this program, and exit")
  .action(async () => {
    const config = readConfig();
    const database = await openDatabase(config, createLog(config.LOG_LEVEL), { share: true });
    await database.close();
    say("The database is up to date.");
  });

program
  .command("openapi")
  .description("print openapi.yaml")
  .option("--output <file>", "write it to a file instead")
  .action(({ output }: { output?: string }) => {
    if (output === undefined) process.stdout.write(openapiYaml());
    else writeFileSync(output, openapiYaml());
  });

program
  .command("keys")
  .description("API keys")
  .command("create")
  .description("make an API key, and print it this once")
  .requiredOption("--name <name>", "what it is for", nonEmpty)
  .addOption(
    new Option("--scope <scope>", "what it may do").choices(KEY_SCOPES).makeOptionMandatory(),
  )
  .option(
    "--tenant <tenant>",
    "the tenant it belongs to (default: default; an admin key has every tenant)",
    tenantName,
  )
  .option(
    "--expires-at <time>",
    "ISO 8601 with Z or an offset, in the future; never, unless given",
    instant,
  )
  .action(createApiKey);

program
  .command("secrets")
  .description("what is encrypted at rest")
  .command("rotate")
  .description(
    "encrypt it all with the newest key of POSTHORN_SECRETS_KEY, so that older ones can go",
  )
  .action(rotateKeys);

program
  .command("listen")
  .description("receive deliveries here: print each, and whether its signature is genuine")
  .option("--host <host>", "where to listen", "127.0.0.1")
  .option("--port <port>", "0 picks a free one", integer(0, 65_535), 9_000)
  .option("--key <key>", "a signature key; several for a rotation", collect, [])
  .addOption(
    new Option("--preset <preset>", "the webhook's; told from what arrives, unless given").choices(
      PRESET_NAMES,
    ),
  )
  .option("--status <status>", "what to answer", integer(200, 599), 200)
  .action(receiveHere);

await program.parseAsync().catch(fail);

async function run(role: Role): Promise<void> {
  const config = readConfig();
  const log = createLog(config.LOG_LEVEL);
  process.once("uncaughtException", (err) => {
    log.fatal({ err }, "broken");
    process.exit(1);
  });
  const ended = endSignal();
  const service = await startService(role, config, log);
  // At every level: supervisors and tests wait for this line.
  log.child({}, { level: "info" }).info({ url: service.url, pid: process.pid }, "ready");
  if (role !== "worker") say(firstSteps(service, commandOf(process.argv[1] ?? "", process.cwd())));
  await aborted(ended);
  log.info("stopping");
  await service.stop();
  log.info("stopped");
  process.exit(0);
}

async function receiveHere({ key, ...options }: Omit<ListenOptions, "keys"> & { key: string[] }) {
  const { stdout } = process;
  const page = {
    write: (text: string) => stdout.write(text),
    colours: stdout.isTTY && stdout.hasColors(),
  };
  const receiver = await startReceiver({ ...options, keys: key }, page, () => new Date());
  await aborted(endSignal());
  await receiver.close();
  process.exit(0);
}

async function createApiKey(options: {
  name: string;
  scope: KeyScope;
  tenant?: string;
  expiresAt?: Date;
}): Promise<void> {
  const { name, scope, expiresAt = null } = options;
  if (scope === "admin" && options.tenant !== undefined)
    throw new StartError("--tenant: an admin key has every tenant; leave it out");
  const tenant = scope === "admin" ? null : (options.tenant ?? "default");
  const database = await openDatabase(readConfig(), silentLog, { share: true });
  const connection = connect(database.url, { name: "keys", max: 1, log: silentLog });
  try {
    const made = await createKey(connection.db, { name, scope, tenant, expiresAt });
    if (!made) throw new StartError("--expires-at: this is past; a time in the future is needed");
    process.stdout.write(`${made.key}\n`);
  } finally {
    await connection.close();
    await database.close();
  }
}

async function rotateKeys(): Promise<void> {
  const ended = endSignal();
  const database = await openDatabase(readConfig(), silentLog, { share: true });
  const connection = connect(database.url, { name: "secrets", max: 1, log: silentLog });
  try {
    const end = await rotateSecrets(connection.db, database.sealer, { signal: ended, tell: say });
    say(tellRotation(end));
    if (end.isInterrupted || end.left > 0) process.exitCode = 1;
  } finally {
    await connection.close();
    await database.close();
  }
}

function readConfig(): Config {
  if (existsSync(".env")) process.loadEnvFile(".env");
  return loadConfig(process.env, say);
}

/** Aborts when the process is told to end. */
function endSignal(): AbortSignal {
  const ended = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => ended.abort());
  return ended.signal;
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
}

/** What is meant for a person's eyes. */
function say(text: string): void {
  process.stderr.write(`${text}\n`);
}

// A start that can't go on ends in one line; anything else is a bug, and its stack helps.
function fail(error: unknown): void {
  say(
    error instanceof StartError
      ? `posthorn: ${error.message}`
      : String(error instanceof Error ? error.stack : error),
  );
  process.exit(1);
}

function nonEmpty(text: string): string {
  if (text.trim() === "") throw new InvalidArgumentError("a name is needed.");
  return text;
}

function tenantName(text: string): string {
  if (!TENANT_PATTERN.test(text))
    throw new InvalidArgumentError("1 to 64 of a-z, 0-9, _ and - are needed.");
  return text;
}

function collect(text: string, before: string[]): string[] {
  return [...before, text];
}

function integer(min: number, max: number) {
  return (text: string): number => {
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= min && value <= max) return value;
    throw new InvalidArgumentError(`a whole number from ${min} to ${max} is needed.`);
  };
}

function instant(text: string): Date {
  const { success, data, error } = instantInput.safeParse(text);
  if (success) return data;
  throw new InvalidArgumentError(`${error.issues[0]?.message}.`);
}
