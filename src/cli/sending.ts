// `posthorn pause-all` and `resume-all`: whether anything is sent at all, said beside the database.
import type { Command } from "commander";
import type pg from "pg";

import { connect } from "../database/connect.ts";
import { findWays, reachDatabase } from "../database/open.ts";
import { StartError } from "../kernel/errors.ts";
import { databaseError, isDatabaseAway } from "../kernel/faults.ts";
import { silentLog } from "../kernel/log.ts";
import { countPending } from "../queue/pending.ts";
import { pauseAll, readSending, resumeAll } from "../queue/sending.ts";
import { CommandError, EXIT } from "./exit.ts";
import { readConfig } from "./process.ts";
import { exampleLines, printJson } from "./remote.ts";
import type { Terminal } from "./terminal.ts";

const UNDEFINED_TABLE = "42P01";

type Options = { adopt?: true; json?: true };

export function addSending(program: Command, terminal: Terminal): void {
  program
    .command("pause-all")
    .description(
      "stop all sending within a second, in every process: publishing goes on, and nothing is lost",
    )
    .option("--json", "the outcome as JSON")
    .addHelpText("after", exampleLines(["posthorn pause-all"]))
    .action((options: Options) => pause(terminal, options));
  program
    .command("resume-all")
    .description("end pause-all: what was held is sent; 5 where the database is another's")
    .option(
      "--adopt",
      "make the database this installation's (POSTHORN_INSTALLATION, else the database's name): what was copied, or has moved, sends from now on",
    )
    .option("--json", "the outcome as JSON")
    .addHelpText("after", exampleLines(["posthorn resume-all", "posthorn resume-all --adopt"]))
    .action((options: Options) => resume(terminal, options));
}

async function pause(terminal: Terminal, { json }: Options): Promise<void> {
  await beside(terminal, async (pool, installation) => {
    const isNew = await pauseAll(pool);
    const { since } = await readSending(pool, installation);
    const pending = await countPending(pool);
    if (json) return printJson(terminal, { paused_since: since, pending });
    terminal.out.write(
      `${isNew ? "All sending is paused" : `All sending has been paused since ${since?.toISOString()}`}. ` +
        `${pending} deliveries are pending, and more are made and held; posthorn resume-all ends it.\n`,
    );
  });
}

async function resume(terminal: Terminal, { adopt, json }: Options): Promise<void> {
  await beside(terminal, async (pool, installation) => {
    const { before, after } = await resumeAll(pool, { installation, adopt: adopt === true });
    if (after.reason !== null) terminal.exitCode = EXIT.found;
    const { remembered, here } = after;
    if (json)
      return printJson(terminal, {
        held: after.reason,
        was: before.reason,
        installation: remembered,
        here,
      });
    if (after.reason !== null)
      return void terminal.err.write(
        `posthorn: nothing was changed: this is the database of installation ${remembered}, and here is ${here}. ` +
          "A copy that sends calls its original's customers; if this is to send, posthorn resume-all --adopt.\n",
      );
    const adopted = adopt ? ` The database is ${remembered}'s.` : "";
    terminal.out.write(
      before.reason === null && before.since === null
        ? `Nothing was paused.${adopted}\n`
        : `Sending again: what was held goes out now.${adopted}\n`,
    );
  });
}

async function beside(
  { env }: Terminal,
  work: (pool: pg.Pool, installation: string | null) => Promise<void>,
): Promise<void> {
  const config = readConfig(env);
  const reached = await reachDatabase(config, silentLog, { share: true });
  try {
    const { url } = await findWays(reached);
    const connection = connect(url, { name: "sending", max: 1, log: silentLog });
    try {
      await work(connection.pool, config.POSTHORN_INSTALLATION);
    } finally {
      await connection.close();
    }
  } catch (error) {
    if (databaseError(error)?.code === UNDEFINED_TABLE)
      throw new CommandError(EXIT.failed, "the database has no Posthorn yet: nothing is sent", {
        cause: error,
      });
    if (error instanceof StartError && isAway(error))
      throw new CommandError(EXIT.unreached, error.message, { cause: error });
    throw error;
  } finally {
    await reached.close();
  }
}

// What is told in one line may have been told so before.
function isAway(error: unknown): boolean {
  return error instanceof StartError ? isAway(error.cause) : isDatabaseAway(error);
}
