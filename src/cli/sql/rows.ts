// A statement's rows as they are printed: in the form of psql for people, as JSON for programs. Values come as PostgreSQL's own
// text and are never parsed: what is printed is what is stored.
import pg from "pg";

import { printable } from "../../kernel/printable.ts";

/** A row: PostgreSQL's text of each column. */
export type Row = readonly (string | null)[];
export type Column = { name: string; dataTypeID: number };

const TYPES: Record<string, number> = pg.types.builtins;
const numbersOf = (...names: string[]) => new Set(names.map((name) => TYPES[name]));
const BOOLEANS = numbersOf("BOOL");
const JSONS = numbersOf("JSON", "JSONB");
const NUMBERS = numbersOf("INT2", "INT4", "INT8", "OID", "FLOAT4", "FLOAT8", "NUMERIC");
const RIGHT = new Set([...NUMBERS, TYPES["MONEY"]]); // where psql aligns them
const SPOKEN: Record<string, string> = { t: "true", f: "false" };

/** The table that psql prints, and how many rows it stands for: more than are shown where there were too many. */
export function table(columns: readonly Column[], rows: readonly Row[], count: number): string {
  const heading = columns.map(({ name }) => printable(name));
  const cells = rows.map((row) =>
    row.map((text) => (text === null ? "" : printable(text, Infinity))),
  );
  const widths = heading.map((name, n) =>
    Math.max(lengthOf(name), ...cells.map((row) => lengthOf(row[n] ?? ""))),
  );
  const last = columns.length - 1;
  const lines = [
    heading.map((name, n) => ` ${centred(name, widths[n] ?? 0)} `).join("|"),
    widths.map((width) => "-".repeat(width + 2)).join("+"),
    ...cells.map((row) =>
      row
        .map((text, n) => {
          const space = " ".repeat((widths[n] ?? 0) - lengthOf(text));
          if (RIGHT.has(columns[n]?.dataTypeID ?? 0))
            return ` ${space}${text}${n < last ? " " : ""}`;
          return n < last ? ` ${text}${space} ` : ` ${text}`;
        })
        .join("|"),
    ),
  ];
  const counted = `(${count} row${count === 1 ? "" : "s"})`;
  const told =
    count > rows.length
      ? `(the first ${rows.length} of ${count} rows; --json prints all)`
      : counted;
  return `${lines.join("\n")}\n${told}\n\n`;
}

/** The row as a line of JSON, as PostgreSQL's row_to_json has it. */
export function jsonLine(columns: readonly Column[], row: Row): string {
  const members = columns.map(
    ({ name, dataTypeID }, n) => `${JSON.stringify(name)}:${jsonValue(row[n] ?? null, dataTypeID)}`,
  );
  return `{${members.join(",")}}\n`;
}

function jsonValue(text: string | null, type: number): string {
  if (text === null) return "null";
  if (BOOLEANS.has(type)) return SPOKEN[text] ?? "null";
  // A json may hold line ends between its members, and a line is one row.
  if (JSONS.has(type)) return text.replaceAll(/[\n\r]/g, " ");
  if (NUMBERS.has(type) && /\d$/.test(text)) return text; // not NaN, nor Infinity
  return JSON.stringify(text);
}

const lengthOf = (text: string) => Array.from(text).length;

function centred(text: string, width: number): string {
  const space = width - lengthOf(text);
  const left = Math.floor(space / 2);
  return " ".repeat(left) + text + " ".repeat(space - left);
}
