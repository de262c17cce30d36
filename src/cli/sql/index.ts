// `posthorn sql`: a small client, for whoever has no psql, on the embedded database or on that of DATABASE_URL.
import pg, { DatabaseError } from "pg";

import type { Config } from "../../config.ts";
import { openAsApplication } from "../../database/client.ts";
import { knock } from "../../database/knock.ts";
import { openDatabase, reachDatabase } from "../../database/open.ts";
import { writeCatalogue } from "../../event-types/catalogue/write.ts";
import { isDatabaseAway } from "../../kernel/faults.ts";
import { StartError } from "../../kernel/errors.ts";
import { silentLog } from "../../kernel/log.ts";
import { cellMeant, type CellOption } from "../cells.ts";
import { CommandError, EXIT } from "../exit.ts";
import { readConfig } from "../process.ts";
import type { Terminal } from "../terminal.ts";
import { converse } from "./converse.ts";
import { refusalText, runStatement, type Session } from "./run.ts";
import { isBlank, splitStatements } from "./statements.ts";

const INPUT_BYTES_MAX = 64 * 1024 * 1024; // a script is read whole; more than a schema has is no script

/** Runs what is given, else what is piped in, else what is typed. */
export async function sql(
  terminal: Terminal,
  given: string[],
  options: CellOption & { json?: true },
): Promise<void> {
  const piped = given.length === 0 && terminal.converse === null;
  const script = piped ? await readScript(terminal) : given;
  const { config, told: inWords } = cellMeant(readConfig(terminal.env), options);
  const database = await inWords(reach(config));
  try {
    const client = await openAsApplication(database.url, "sql");
    client.on("notice", (notice) => {
      terminal.err.write(refusalText(notice as unknown as DatabaseError, ""));
    });
    try {
      const run = (text: string) => runStatement(client, text, terminal, options.json === true);
      const cancel = () => cancelStatement(database.url, client);
      if (script.length > 0 || piped) await runScript(terminal, client, script, { run, cancel });
      else await converse(terminal, client, { run, cancel });
    } finally {
      await client.end();
    }
  } finally {
    await database.close();
  }
}

async function readScript(terminal: Terminal): Promise<string[]> {
  const text = await terminal.readInput(INPUT_BYTES_MAX);
  if (text !== undefined) return [text];
  throw new CommandError(EXIT.usage, `more than ${INPUT_BYTES_MAX} bytes are piped in`);
}

// The embedded database comes with the schema; one of the person's own is left as it is.
async function reach(config: Config) {
  if (config.DATABASE_URL === null)
    return openDatabase(config, silentLog, { share: true, seed: writeCatalogue });
  const { url, close } = await reachDatabase(config, silentLog, { share: true });
  try {
    return { url: await knock(url), close };
  } catch (error) {
    if (!(error instanceof StartError) || !isDatabaseAway(error.cause)) throw error;
    throw new CommandError(EXIT.unreached, error.message, { cause: error });
  }
}

// The first statement that is refused ends it, as whatever follows counted on it.
async function runScript(
  terminal: Terminal,
  client: pg.Client,
  texts: readonly string[],
  { run, cancel }: Session,
): Promise<void> {
  const interrupted = new AbortController();
  const over = terminal.onInterrupt(() => {
    interrupted.abort();
    void cancel();
  });
  const { signal } = interrupted;
  try {
    for (const statement of texts.flatMap(statementsOf)) {
      if (signal.aborted) break;
      await run(statement).catch((error: unknown) => {
        if (!signal.aborted) throw told(error, statement);
      });
    }
    if (signal.aborted) terminal.exitCode = EXIT.interrupted;
    else if (client.getTransactionStatus() !== "I") leftOpen(terminal);
  } finally {
    over();
  }
}

function statementsOf(text: string): string[] {
  const { statements, rest } = splitStatements(text);
  return [...statements, ...(isBlank(rest) ? [] : [rest.trim()])].filter((each) => !isBlank(each));
}

function leftOpen(terminal: Terminal): void {
  terminal.err.write(
    "posthorn: the transaction was left open, and is rolled back: end it with commit\n",
  );
  terminal.exitCode = EXIT.found;
}

/** The error of a statement, as a command ends with it. */
function told(error: unknown, statement: string): unknown {
  if (error instanceof DatabaseError && !/^57P0/.test(error.code ?? ""))
    return new CommandError(EXIT.refused, refusalText(error, statement).trimEnd(), {
      cause: error,
    });
  if (!isDatabaseAway(error)) return error;
  const { message } = error as Error;
  return new CommandError(EXIT.unreached, `the connection was lost: ${message}`, { cause: error });
}

// Over a connection of its own, as the statement's is busy. What can't be cancelled now is by the next Ctrl-C.
async function cancelStatement(url: string, client: pg.Client): Promise<void> {
  const { processID } = client as unknown as { processID: number };
  try {
    const other = await openAsApplication(url, "sql");
    await other.query("select pg_catalog.pg_cancel_backend($1)", [processID]);
    await other.end();
  } catch {
    // the database is away, which ends the statement, too
  }
}
