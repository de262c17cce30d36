// One statement run, and what came of it printed as it comes.
import pg, { DatabaseError } from "pg";

import { printable } from "../../kernel/printable.ts";
import type { Terminal } from "../terminal.ts";
import { jsonLine, table, type Row } from "./rows.ts";

/** What runs statements for a person. */
export type Session = {
  run: (text: string) => Promise<void>;
  /** Ends the statement that runs. */
  cancel: () => Promise<void>;
};

const ROWS_SHOWN_MAX = 1_000; // a table is aligned in memory, and nobody reads more of one

/** Runs a statement and prints its rows, or what was done. Throws what the database, or the way to it, answers. */
export async function runStatement(
  client: pg.Client,
  text: string,
  { out }: Pick<Terminal, "out">,
  asJson: boolean,
): Promise<void> {
  const config: pg.QueryArrayConfig = { text, rowMode: "array", types: AS_TEXT };
  const query = new pg.Query<string[]>(config);
  const rows: Row[] = [];
  let count = 0;
  let tag = "";
  query.on("row", (row: unknown, result) => {
    count += 1;
    if (asJson) out.write(jsonLine(result?.fields ?? [], row as Row));
    else if (count <= ROWS_SHOWN_MAX) rows.push(row as Row);
  });
  const keepTag = (message: { text: string }) => void (tag = message.text);
  // What COPY … TO STDOUT sends goes past the driver's results.
  const copy = ({ chunk }: { chunk: Buffer }) => void out.write(chunk);
  client.connection.on("commandComplete", keepTag).on("copyData", copy);
  try {
    const { fields } = await new Promise<pg.QueryArrayResult>((resolve, reject) => {
      query.on("error", (error) => void refusedBy(client, error).then(reject));
      query.on("end", (result) => resolve(result as never));
      client.query(query);
    });
    if (asJson) return;
    if (fields.length > 0) out.write(table(fields, rows, count));
    if (!/^(SELECT|SHOW|EXPLAIN|FETCH)\b/.test(tag) && tag !== "") out.write(`${tag}\n`);
  } finally {
    client.connection.off("commandComplete", keepTag).off("copyData", copy);
  }
}

// Answers the error once the database has said, too, what has become of the transaction, or is gone: the prompt shows it.
function refusedBy({ connection }: pg.Client, error: Error): Promise<Error> {
  if (!(error instanceof DatabaseError)) return Promise.resolve(error);
  return new Promise((resolve) => {
    const over = () => {
      connection.off("readyForQuery", over).off("end", over);
      resolve(error);
    };
    connection.on("readyForQuery", over).on("end", over);
  });
}

/** What the database found, as psql says it: the place in the statement, the detail, and the hint. */
export function refusalText(error: DatabaseError, statement: string): string {
  const { severity = "ERROR", message, position, detail, hint, where } = error;
  const lines = [`${severity}:  ${message}`];
  if (position !== undefined) lines.push(...placeIn(statement, Number(position)));
  if (detail) lines.push(`DETAIL:  ${detail}`);
  if (hint) lines.push(`HINT:  ${hint}`);
  if (where) lines.push(`CONTEXT:  ${where}`);
  return `${lines.join("\n")}\n`;
}

// The line of the statement, and a mark below the character; positions count characters, from 1.
function placeIn(statement: string, position: number): string[] {
  const before = Array.from(statement)
    .slice(0, position - 1)
    .join("");
  const line = before.split("\n").length;
  const column = before.length - (before.lastIndexOf("\n") + 1);
  const label = `LINE ${line}: `;
  const shown = printable(statement.split("\n")[line - 1] ?? "", Infinity);
  return [`${label}${shown}`, `${" ".repeat(label.length + column)}^`];
}

const AS_TEXT = { getTypeParser: () => (text: string) => text } as unknown as pg.CustomTypesConfig;
