// `posthorn pause-all` and `resume-all`: whether anything is sent at all, said beside the database.
import type { Command } from "commander";
import type pg from "pg";

import { HOME } from "../config/cells.ts";
import { connect } from "../database/connect.ts";
import { findWays, reachDatabase } from "../database/open.ts";
import { StartError } from "../kernel/errors.ts";
import { databaseError, isDatabaseAway } from "../kernel/faults.ts";
import { silentLog } from "../kernel/log.ts";
import { countPending } from "../queue/pending.ts";
import { pauseAll, readSending, resumeAll } from "../queue/sending.ts";
import { cellOption, cellsMeant, type CellMeant, type CellOption } from "./cells.ts";
import { CommandError, EXIT } from "./exit.ts";
import { readConfig } from "./process.ts";
import { exampleLines, printJson } from "./remote.ts";
import type { Terminal } from "./terminal.ts";

const UNDEFINED_TABLE = "42P01";

type Options = CellOption & { adopt?: true; json?: true };

export function addSending(program: Command, terminal: Terminal): void {
  program
    .command("pause-all")
    .description(
      "stop all sending within a second, in every process: publishing goes on, and nothing is lost",
    )
    .addOption(cellOption("all"))
    .option("--json", "the outcome as JSON, a line each cell")
    .addHelpText("after", exampleLines(["posthorn pause-all", "posthorn pause-all --cell eu"]))
    .action((options: Options) => pause(terminal, options));
  program
    .command("resume-all")
    .description("end pause-all: what was held is sent; 5 where the database is another's")
    .option(
      "--adopt",
      "make the database this installation's (POSTHORN_INSTALLATION, else the database's name): what was copied, or has moved, sends from now on",
    )
    .addOption(cellOption("all"))
    .option("--json", "the outcome as JSON, a line each cell")
    .addHelpText("after", exampleLines(["posthorn resume-all", "posthorn resume-all --adopt"]))
    .action((options: Options) => resume(terminal, options));
}

async function pause(terminal: Terminal, options: Options): Promise<void> {
  await besideEach(terminal, options, async (pool, installation, told) => {
    const isNew = await pauseAll(pool);
    const { since } = await readSending(pool, installation);
    const pending = await countPending(pool);
    if (options.json) return told.json({ paused_since: since, pending });
    told.line(
      `${isNew ? "All sending is paused" : `All sending has been paused since ${since?.toISOString()}`}. ` +
        `${pending} deliveries are pending, and more are made and held; posthorn resume-all ends it.`,
    );
  });
}

async function resume(terminal: Terminal, options: Options): Promise<void> {
  const { adopt, json } = options;
  await besideEach(terminal, options, async (pool, installation, told) => {
    const { before, after } = await resumeAll(pool, { installation, adopt: adopt === true });
    if (after.reason !== null) terminal.exitCode = EXIT.found;
    const { remembered, here } = after;
    if (json)
      return told.json({
        held: after.reason,
        was: before.reason,
        installation: remembered,
        here,
      });
    if (after.reason !== null)
      return told.line(
        `posthorn: nothing was changed: this is the database of installation ${remembered}, and here is ${here}. ` +
          "A copy that sends calls its original's customers; if this is to send, posthorn resume-all --adopt.",
        terminal.err,
      );
    const adopted = adopt ? ` The database is ${remembered}'s.` : "";
    told.line(
      before.reason === null && before.since === null
        ? `Nothing was paused.${adopted}`
        : `Sending again: what was held goes out now.${adopted}`,
    );
  });
}

/** Tells what became of one database: which one, where there are several. */
type Told = { line(text: string, to?: Terminal["err"]): void; json(outcome: object): void };
type Work = (pool: pg.Pool, installation: string | null, told: Told) => Promise<void>;

// One that can't be reached keeps the others from nothing: it is told last, and by how the command ends.
async function besideEach(terminal: Terminal, options: Options, work: Work): Promise<void> {
  const config = readConfig(terminal.env);
  const isOne = config.POSTHORN_CELLS === null;
  const failures: StartError[] = [];
  for (const each of cellsMeant(config, options)) {
    const told: Told = {
      line: (text, to = terminal.out) => void to.write(`${each.tell(text)}\n`),
      json: (outcome) => printJson(terminal, isOne ? outcome : { cell: each.cell, ...outcome }),
    };
    const working = beside(each, (pool, installation) => work(pool, installation, told));
    await each.told(working).catch((error: unknown) => {
      if (!(error instanceof StartError)) throw error;
      failures.push(error);
    });
  }
  const last = failures.pop();
  for (const { message } of failures) terminal.err.write(`posthorn: ${message}\n`);
  if (last) throw last;
}

async function beside(
  { cell, config }: CellMeant,
  work: (pool: pg.Pool, installation: string | null) => Promise<void>,
): Promise<void> {
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
      throw new CommandError(
        EXIT.failed,
        `${cell === HOME ? "the database" : `the database of the cell ${cell}`} has no Posthorn yet: nothing is sent`,
        { cause: error },
      );
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
