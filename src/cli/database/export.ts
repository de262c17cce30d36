// `posthorn database export`: everything, as of one moment, into a folder.
import { findWays, reachDatabase } from "../../database/open.ts";
import { exportDatabase } from "../../database/transfer/export.ts";
import { monotonic } from "../../kernel/clock.ts";
import { silentLog } from "../../kernel/log.ts";
import { cellMeant, type CellOption } from "../cells.ts";
import { readConfig } from "../process.ts";
import { printJson } from "../remote.ts";
import type { Terminal } from "../terminal.ts";
import { sumOf, tellProgress } from "./progress.ts";

/** Exports, and says what comes next. */
export async function exportHere(
  terminal: Terminal,
  folder: string,
  options: CellOption & { json?: true },
): Promise<void> {
  const { config, told } = cellMeant(readConfig(terminal.env), options);
  const reached = await reachDatabase(config, silentLog, { share: true });
  try {
    const { directUrl } = await told(findWays(reached));
    const tables = await exportDatabase(directUrl, folder, tellProgress(terminal, monotonic));
    const { rows, bytes, inWords } = sumOf(tables);
    if (options.json) return printJson(terminal, { folder, rows, bytes });
    const key = reached.embeddedUrl === null ? "POSTHORN_SECRETS_KEY" : "secrets.key beside it";
    terminal.out.write(
      `Exported to ${folder}: ${inWords}. Its secrets are sealed, and need the same key: ${key}.\n`,
    );
  } finally {
    await reached.close();
  }
}
