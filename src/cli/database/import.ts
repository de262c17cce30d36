// `posthorn database import`: what was exported, into an empty database, where it is held until somebody says that it is the one.
import { connect } from "../../database/connect.ts";
import { findWays, reachDatabase, secretsKeys } from "../../database/open.ts";
import { createSealer } from "../../database/sealed.ts";
import { importDatabase } from "../../database/transfer/import.ts";
import { monotonic } from "../../kernel/clock.ts";
import { silentLog } from "../../kernel/log.ts";
import { endLeases } from "../../queue/release.ts";
import { pauseAll, resumeAll } from "../../queue/sending.ts";
import { cellMeant, type CellOption } from "../cells.ts";
import { readConfig } from "../process.ts";
import { printJson } from "../remote.ts";
import type { Terminal } from "../terminal.ts";
import { sumOf, tellProgress } from "./progress.ts";

export type ImportOptions = CellOption & { adopt?: true; json?: true };

/** Imports, and says what comes next. */
export async function importHere(
  terminal: Terminal,
  folder: string,
  { adopt, json, ...options }: ImportOptions,
): Promise<void> {
  const { config, told } = cellMeant(readConfig(terminal.env), options);
  const sealer = createSealer(secretsKeys(config, { make: false }));
  const reached = await reachDatabase(config, silentLog, { share: true });
  try {
    const { directUrl } = await told(findWays(reached));
    const { tables, installation } = await importDatabase(directUrl, folder, {
      sealer,
      async hold(client) {
        await pauseAll(client);
        await endLeases(client); // of workers that are at work on the old one
      },
      progress: tellProgress(terminal, monotonic),
    });
    if (adopt) await adoptAt(directUrl, config.POSTHORN_INSTALLATION);
    const { rows, bytes, inWords } = sumOf(tables);
    if (json) return printJson(terminal, { rows, bytes, installation, adopted: adopt === true });
    terminal.out.write(
      adopt
        ? `Imported ${inWords}. Services that are started on it send.\n`
        : `Imported ${inWords}. Nothing is sent from it yet: when nothing sends from the old database any more, posthorn resume-all --adopt.\n`,
    );
  } finally {
    await reached.close();
  }
}

async function adoptAt(url: string, installation: string | null): Promise<void> {
  const connection = connect(url, { name: "sending", max: 1, log: silentLog });
  try {
    await resumeAll(connection.pool, { installation, adopt: true });
  } finally {
    await connection.close();
  }
}
