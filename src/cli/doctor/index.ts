// `posthorn doctor`: says what is wrong beside the database, how bad it is, and what to do.
import { existsSync } from "node:fs";
import { resolve } from "node:path";

import { loadConfig, type Config } from "../../config.ts";
import { clusterIn } from "../../database/embedded/place.ts";
import { findWays, reachDatabase } from "../../database/open.ts";
import { StartError } from "../../kernel/errors.ts";
import { isDatabaseAway, SessionRefused } from "../../kernel/faults.ts";
import { silentLog } from "../../kernel/log.ts";
import { cellsMeant, type CellMeant, type CellOption } from "../cells.ts";
import { EXIT } from "../exit.ts";
import { printJson } from "../remote.ts";
import { painter, type Terminal } from "../terminal.ts";
import { examineDatabase } from "./database.ts";
import { tryEgress } from "./egress.ts";
import { bad, ok, worstOf, type Finding, type Level } from "./finding.ts";

export type DoctorOptions = CellOption & { url?: string; json?: true };

/** Examines, prints each finding, and ends by the worst: 1 an error, 5 a warning, 0 neither. */
export async function examineAll(terminal: Terminal, options: DoctorOptions): Promise<void> {
  const { url, json } = options;
  const findings: Finding[] = [];
  const config = readSettings(terminal, findings);
  if (config) {
    const cells = cellsMeant(config, options);
    const [ofDatabases, ofEgress] = await Promise.all([
      Promise.all(cells.map(lookAtDatabase)),
      url === undefined ? null : tryEgress(url, config),
    ]);
    for (const [n, { cell }] of cells.entries())
      for (const finding of ofDatabases[n] ?? [])
        findings.push(config.POSTHORN_CELLS === null ? finding : { cell, ...finding });
    if (ofEgress) findings.push(ofEgress);
  }
  const worst = worstOf(findings);
  if (json) printJson(terminal, { worst, findings });
  else
    for (const [n, finding] of findings.entries()) {
      if (finding.cell !== findings[n - 1]?.cell)
        terminal.out.write(finding.cell === undefined ? "\n" : `\n${finding.cell}\n`);
      terminal.out.write(print(terminal, finding));
    }
  if (worst === "error") terminal.exitCode = EXIT.failed;
  if (worst === "warning") terminal.exitCode = EXIT.found;
}

function readSettings({ env }: Terminal, findings: Finding[]): Config | undefined {
  try {
    const warned: string[] = [];
    const config = loadConfig(env, (text) => warned.push(text));
    for (const text of warned)
      findings.push(bad("settings", "warning", text, "correct its name, or take it out"));
    if (warned.length === 0) findings.push(ok("settings", "all are known and can be meant"));
    return config;
  } catch (error) {
    if (!(error instanceof StartError)) throw error;
    findings.push(bad("settings", "error", error.message, "correct it: nothing starts with it"));
    return undefined;
  }
}

async function lookAtDatabase({ cell, config, told }: CellMeant): Promise<Finding[]> {
  const { DATABASE_URL: url, POSTHORN_DATA_DIR: folder } = config;
  // To look is not to make one.
  if (url === null && !existsSync(clusterIn(resolve(folder))))
    return [
      bad(
        "connection",
        "note",
        `no DATABASE_URL is set, and no embedded database is in ${folder} yet`,
        "posthorn serve makes one",
      ),
    ];
  try {
    return await told(lookBeside(config, cell));
  } catch (error) {
    const isTheirs = error instanceof StartError || error instanceof SessionRefused;
    if (!isTheirs && !isDatabaseAway(error)) throw error;
    const why = (error as Error).message;
    return [bad("connection", "error", why, "nothing is sent or published until it is reached")];
  }
}

async function lookBeside(config: Config, cell: string): Promise<Finding[]> {
  const database = await reachDatabase(config, silentLog, { share: true });
  try {
    const ways = await findWays(database);
    return await examineDatabase({ ...ways, readUrl: database.readUrl }, config, cell);
  } finally {
    await database.close();
  }
}

const MARKS: Record<Level, [string, "green" | "cyan" | "yellow" | "red"]> = {
  ok: ["✓", "green"],
  note: ["i", "cyan"],
  warning: ["!", "yellow"],
  error: ["✗", "red"],
};
const CHECK_WIDTH = 14;

function print({ out }: Terminal, { check, level, found, todo }: Finding): string {
  const [mark, colour] = MARKS[level];
  const paint = painter(out);
  const lines = wrapped(found).map((line, n) =>
    n === 0 ? `${paint(colour, mark)} ${check.padEnd(CHECK_WIDTH)}${line}` : `${INDENT}${line}`,
  );
  const advice = todo === null ? [] : wrapped(`→ ${todo}`).map((line) => `${INDENT}${line}`);
  return `${[...lines, ...advice].join("\n")}\n`;
}

const INDENT = " ".repeat(CHECK_WIDTH + 2);
const LINE = new RegExp(`(.{1,${80 - CHECK_WIDTH - 2}})(?:\\s+|$)|(\\S+)`, "g");

// In 80 columns, wherever it is printed.
function wrapped(text: string): string[] {
  return text.match(LINE)?.map((line) => line.trim()) ?? [text];
}
