// The command line: every command with its options. Those over the API say theirs in files of their own.
import { Command, CommanderError, Option } from "commander";

import { PARTITION_DAYS_AHEAD } from "../database/partitions.ts";
import type { Role } from "../database/connections.ts";
import { StartError } from "../kernel/errors.ts";
import { KEY_SCOPES } from "../kernel/scopes.ts";
import { VERSION } from "../kernel/version.ts";
import { PRESET_NAMES } from "../presets/index.ts";
import {
  collect,
  fromNow,
  instant,
  integer,
  keyId,
  nonEmpty,
  presetSettings,
  tenantName,
} from "./arguments.ts";
import { cellOption, type CellOption } from "./cells.ts";
import { addDatabase } from "./database/index.ts";
import type { DoctorOptions } from "./doctor/index.ts";
import { CommandError, EXIT } from "./exit.ts";
import { addIngest } from "./ingest.ts";
import { addPublish } from "./publish.ts";
import { exampleLines } from "./remote.ts";
import { addReplay, addReplays } from "./replay.ts";
import { addSql } from "./sql/command.ts";
import { addSending } from "./sending.ts";
import { addTail } from "./tail.ts";
import { addTenants } from "./tenants/index.ts";
import type { Terminal } from "./terminal.ts";
import { addTypes } from "./types.ts";
import { addWebhooks } from "./webhooks/index.ts";
import { addWhy } from "./why.ts";

const HELP_WIDTH = 80; // of every terminal

/** The command line of this program, which reads and prints where its terminal says. */
export function createProgram(terminal: Terminal): Command {
  const program = new Command("posthorn")
    .description("Webhooks sent out of your Postgres.")
    .version(VERSION)
    // A wrong command line is reported like everything else that stops a start: in one line.
    .configureOutput({
      writeOut: (text) => void terminal.out.write(text),
      writeErr: (text) => void terminal.err.write(text),
      getOutHelpWidth: () => HELP_WIDTH,
      getErrHelpWidth: () => HELP_WIDTH,
      outputError: (text, write) => write(text.replace("error:", "posthorn:").replace("\n(", " (")),
    })
    .exitOverride()
    .addHelpText(
      "after",
      "\nSettings come from the environment, and from a file .env beside you; .env.example lists them.",
    );

  program
    .command("serve")
    .description(
      "run the API and the delivery loop; without DATABASE_URL on an embedded PostgreSQL",
    )
    .addHelpText("after", exampleLines(["posthorn serve", "PORT=9080 posthorn serve"]))
    .action(() => run("serve"));
  program
    .command("api")
    .description("run the API alone")
    .addHelpText("after", exampleLines(["DATABASE_URL=postgres://… posthorn api"]))
    .action(() => run("api"));
  program
    .command("worker")
    .description("run the delivery loop alone")
    .addHelpText("after", exampleLines(["DATABASE_URL=postgres://… posthorn worker"]))
    .action(() => run("worker"));

  program
    .command("migrate")
    .description("bring the database's schema up to this program, and exit; needs no secrets key")
    .option(
      "--days <days>",
      "make the tables of so many days from today, for what is published then",
      integer(0, PARTITION_DAYS_AHEAD),
      PARTITION_DAYS_AHEAD,
    )
    .addOption(cellOption("all"))
    .option("--plan", "change nothing: tell what would run, and which locks it takes")
    .option("--json", "the plan as JSON, a line each cell")
    .addHelpText(
      "after",
      exampleLines(["posthorn migrate --plan", "posthorn migrate", "posthorn migrate --days 2"]),
    )
    .action(later(async () => (await import("./migrate.ts")).migrateDatabase));

  program
    .command("doctor")
    .description(
      "say what is wrong beside the database, how bad it is and what to do: 1 for an error, 5 for a warning",
    )
    .option("--url <url>", "a receiver to reach, as deliveries do: it is sent an empty POST")
    .addOption(cellOption("all"))
    .option("--json", "the findings as JSON")
    .addHelpText(
      "after",
      exampleLines([
        "posthorn doctor",
        "posthorn doctor --url https://receiver.example/hooks",
        "posthorn doctor --cell eu",
      ]),
    )
    .action(async (options: DoctorOptions) => {
      const { examineAll } = await import("./doctor/index.ts");
      await examineAll(terminal, options);
    });

  program
    .command("pooler")
    .description(
      "print the SQL that gives the role of DATABASE_URL what its sessions need behind a pooler; nothing where it has it",
    )
    .addOption(cellOption("home"))
    .option("--worker", "for a role of workers alone: what makes their plans, too")
    .addHelpText("after", exampleLines(['posthorn pooler | psql "$DATABASE_DIRECT_URL"']))
    .action(async (options: CellOption & { worker?: true }) => {
      const { printRoleSettings } = await import("./pooler.ts");
      await printRoleSettings(terminal, options);
    });

  program
    .command("openapi")
    .description("print openapi.yaml")
    .option("--output <file>", "write it to a file instead")
    .addHelpText(
      "after",
      exampleLines(["posthorn openapi --output openapi.yaml", "posthorn openapi | less"]),
    )
    .action(later(async () => (await import("./openapi.ts")).printOpenapi));

  const keys = program.command("keys").description("API keys");
  keys
    .command("create")
    .description("make an API key, and print it this once")
    .requiredOption("--name <name>", "what it is for", nonEmpty)
    .addOption(
      new Option("--scope <scope>", "what it may do").choices(KEY_SCOPES).makeOptionMandatory(),
    )
    .option(
      "--tenant <tenant>",
      "the tenant it belongs to (default: default; an admin key has every tenant, a metrics key none)",
      tenantName,
    )
    .addOption(
      new Option(
        "--expires-in <span>",
        "how long it is taken: 90d, 12h, 30m; for ever, unless given",
      )
        .argParser(fromNow)
        .conflicts("expiresAt"),
    )
    .option("--expires-at <time>", "until when instead: ISO 8601 with Z or an offset", instant)
    .addHelpText(
      "after",
      exampleLines([
        "posthorn keys create --name 'the shop' --scope publish --tenant acme",
        "posthorn keys create --name prometheus --scope metrics",
        "posthorn keys create --name 'on call' --scope admin --expires-in 12h",
      ]),
    )
    .action(later(async () => (await import("./keys.ts")).createApiKey));
  keys
    .command("list")
    .description("list API keys, newest first: never the keys themselves")
    .option("--tenant <tenant>", "those of this tenant alone", tenantName)
    .addOption(new Option("--scope <scope>", "those of this scope alone").choices(KEY_SCOPES))
    .addHelpText(
      "after",
      exampleLines(["posthorn keys list", "posthorn keys list --tenant acme --scope publish"]),
    )
    .action(later(async () => (await import("./keys.ts")).listApiKeys));
  keys
    .command("revoke")
    .description("end an API key, at once and everywhere")
    .argument("<id>", "as posthorn keys list shows it", keyId)
    .addHelpText(
      "after",
      exampleLines(["posthorn keys revoke key_0198c9a1e0b17c3e8f52a4d90b7c6e11"]),
    )
    .action(later(async () => (await import("./keys.ts")).revokeApiKey));

  const secrets = program.command("secrets").description("what is encrypted at rest");
  secrets
    .command("rotate")
    .description(
      "encrypt it all with the newest key of POSTHORN_SECRETS_KEY, so that older ones can go",
    )
    .addHelpText(
      "after",
      exampleLines(['POSTHORN_SECRETS_KEY="$NEW,$OLD" posthorn secrets rotate']),
    )
    .action(later(async () => (await import("./secrets.ts")).rotateKeys));
  secrets
    .command("abandon")
    .description(
      "go on with a new POSTHORN_SECRETS_KEY where the old one is lost: pauses and lists what it sealed",
    )
    .addHelpText("after", exampleLines(['POSTHORN_SECRETS_KEY="$NEW" posthorn secrets abandon']))
    .action(later(async () => (await import("./secrets.ts")).abandonLostKey));

  program
    .command("listen")
    .description("receive deliveries here: print each, and whether its signature is genuine")
    .option("--host <host>", "where to listen", "127.0.0.1")
    .option("--port <port>", "0 picks a free one", integer(0, 65_535), 9_000)
    .option("--key <key>", "a signature key; several for a rotation", collect, [])
    .addOption(
      new Option(
        "--preset <preset>",
        "the webhook's; unless given, recognised by what arrives",
      ).choices(PRESET_NAMES),
    )
    .option(
      "--preset-settings <json>",
      "of the preset custom: the webhook's preset_settings",
      presetSettings,
    )
    .option("--status <status>", "what to answer", integer(200, 599), 200)
    .addHelpText(
      "after",
      exampleLines([
        'posthorn listen --key "a secret of mine"',
        "posthorn listen --port 9001 --status 503",
        "posthorn listen --preset standard --key whsec_…",
      ]),
    )
    .action(later(async () => (await import("./listen.ts")).receiveHere));

  addSql(program, terminal);
  addSending(program, terminal);
  addDatabase(program, terminal);
  addTenants(program, terminal);
  addPublish(program, terminal);
  addIngest(program, terminal);
  addTail(program, terminal);
  addReplay(program, terminal);
  addReplays(program, terminal);
  addWebhooks(program, terminal);
  addWhy(program, terminal);
  addTypes(program, terminal);
  return program;
}

/** Runs one command line, and answers what the process is to end with; what stops it is one line. */
export async function runCommand(args: readonly string[], terminal: Terminal): Promise<number> {
  try {
    await createProgram(terminal).parseAsync(args, { from: "user" });
    return terminal.exitCode;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.usage;
    // A start that can't go on ends in one line; anything else is a bug, and its stack helps.
    const line =
      error instanceof StartError
        ? `posthorn: ${error.message}`
        : String(error instanceof Error ? error.stack : error);
    terminal.err.write(`${line}\n`);
    return error instanceof CommandError ? error.exitCode : EXIT.failed;
  }
}

async function run(role: Role): Promise<void> {
  await (await import("./serve.ts")).run(role);
}

// What a command needs is loaded when it is run: a start waits for no other's.
function later<Given extends unknown[]>(load: () => Promise<(...given: Given) => unknown>) {
  return async (...given: Given) => {
    await (
      await load()
    )(...given);
  };
}
