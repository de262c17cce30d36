// What of a database stops a start, in one line for whoever can mend it.
import { StartError } from "../kernel/errors.ts";
import { databaseError, isDatabaseAway, SessionRefused } from "../kernel/faults.ts";
import { reasonOf } from "./knock.ts";

export const SAY_THE_POOLER =
  "set POSTHORN_POOLER to transaction, and DATABASE_DIRECT_URL to PostgreSQL itself (docs/pooler.md)";

const UNSUPPORTED = /unsupported startup parameter/; // PgBouncer's words, in a protocol violation's code

/** What the database's owner can mend is one line, of the setting that leads there; anything else is ours, and its stack helps. */
export async function inOneLine<T>(work: Promise<T>, setting = "DATABASE_URL"): Promise<T> {
  try {
    return await work;
  } catch (error) {
    const line = lineOf(error);
    if (line === undefined) throw error;
    throw new StartError(line.replaceAll("DATABASE_URL", setting), { cause: error });
  }
}

/** What is said of a database, said of a cell's: by the settings that lead to that. */
export async function ofCell<T>(cell: string, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (!(error instanceof StartError)) throw error;
    const told = error.message.replace(
      /\bDATABASE_(DIRECT_|READ_)?URL\b/g,
      (_, which: string | undefined) =>
        `POSTHORN_CELLS${which ? `_${which.slice(0, -1)}` : ""}, ${cell}`,
    );
    const isNamed = /\bPOSTHORN_CELLS(_\w+)?, /.test(told); // else it is of the schema, or of the secrets
    error.message = isNamed ? told : `POSTHORN_CELLS, ${cell}: ${told}`;
    throw error;
  }
}

function lineOf(error: unknown): string | undefined {
  if (error instanceof StartError) return error.message;
  if (error instanceof SessionRefused) return `DATABASE_URL: ${error.message}`;
  const reason = reasonOf(error);
  if (UNSUPPORTED.test(reason))
    return `DATABASE_URL: it leads to a pooler (${reason}): ${SAY_THE_POOLER}`;
  const isRight = databaseError(error)?.code === "42501"; // insufficient_privilege
  if (!isRight && !isDatabaseAway(error)) return undefined;
  const wanted = isRight ? "give its role the right, or use the schema's owner" : "try again";
  return `DATABASE_URL: the database can't be used: ${reason}; ${wanted}`;
}
