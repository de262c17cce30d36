// SQL typed line by line: run when a semicolon ends it, with the prompts of psql.
import type pg from "pg";
import { DatabaseError } from "pg";

import { CommandError, EXIT } from "../exit.ts";
import type { Terminal } from "../terminal.ts";
import { refusalText, type Session } from "./run.ts";
import { isBlank, splitStatements } from "./statements.ts";

const LEAVE = /^\s*(\\q|exit|quit)\s*;?\s*$/i;
const BACKSLASH = /^\s*\\/;

/** Talks until Ctrl-D or \q. A statement that is refused is told, and the next one is waited for. */
export async function converse(
  terminal: Terminal,
  client: pg.Client,
  { run, cancel }: Session,
): Promise<void> {
  let pending = "";
  let isRunning = false;
  // Ctrl-C ends the statement that runs, or takes back what is typed; it never ends the command.
  const interrupt = () => {
    if (isRunning) void cancel();
    else pending = "";
  };
  const prompt = () => {
    const status = { I: "", T: "*", E: "!" }[client.getTransactionStatus() ?? "I"];
    return `${client.database}${isBlank(pending) ? "=" : "-"}${status}> `;
  };
  const conversation = terminal.converse?.(interrupt);
  terminal.err.write("SQL, ended by a semicolon, runs; \\q leaves.\n");
  try {
    for (;;) {
      const line = await conversation?.ask(prompt);
      if (line === undefined || (isBlank(pending) && LEAVE.test(line))) return;
      if (isBlank(pending) && BACKSLASH.test(line)) {
        terminal.err.write("of psql's commands, \\q alone is here\n");
        continue;
      }
      const { statements, rest } = splitStatements(`${pending}${line}\n`);
      pending = rest;
      isRunning = true;
      for (const statement of statements) {
        if (isBlank(statement)) continue;
        const isDone = await run(statement).then(
          () => true,
          (error: unknown) => tell(terminal, error, statement),
        );
        if (!isDone) break;
      }
      isRunning = false;
    }
  } finally {
    conversation?.close();
  }
}

function tell(terminal: Terminal, error: unknown, statement: string): false {
  if (!(error instanceof DatabaseError) || /^57P0/.test(error.code ?? ""))
    throw new CommandError(EXIT.unreached, `the connection was lost: ${(error as Error).message}`);
  terminal.err.write(refusalText(error, statement));
  return false;
}
