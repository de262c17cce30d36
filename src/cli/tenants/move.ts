// `posthorn tenants move`: moves a tenant to another cell, tells how far it is, and clears what it leaves behind.
import { setTimeout as sleep } from "node:timers/promises";

import type { Config } from "../../config.ts";
import { cellNames, settingsOfCell } from "../../config/cells.ts";
import { connect } from "../../database/connect.ts";
import { clearNext, KNOWN_FOR_S } from "../../database/move/leave.ts";
import { countMove, moveTenant, type MoveOptions } from "../../database/move/run.ts";
import { monotonic } from "../../kernel/clock.ts";
import { SECOND } from "../../kernel/duration.ts";
import { StartError } from "../../kernel/errors.ts";
import { silentLog } from "../../kernel/log.ts";
import { tellProgress } from "../database/progress.ts";
import { CommandError, EXIT } from "../exit.ts";
import { readConfig } from "../process.ts";
import type { Terminal } from "../terminal.ts";

export type MoveCommand = { to: string; dryRun?: true };

/** Moves it, or with `dryRun` counts what there is to move. */
export async function moveHere(
  terminal: Terminal,
  tenant: string,
  { to, dryRun }: MoveCommand,
): Promise<void> {
  const config = readConfig(terminal.env);
  const cells = cellsOf(config);
  const interrupted = new AbortController();
  const end = terminal.onInterrupt(() => interrupted.abort(new Error("interrupted")));
  const tell = (line: string) => void terminal.err.write(`${line}\n`);
  const options: MoveOptions = {
    tenant,
    to,
    cells,
    tell,
    retentionD: config.POSTHORN_RETENTION_D,
    copied: tellProgress(terminal, monotonic),
    wait: (ms) => sleep(ms),
    signal: interrupted.signal,
  };
  try {
    if (dryRun) return await count(terminal, options);
    const { from, rows } = await moveTenant(options);
    if (from === null) {
      terminal.out.write(`${tenant} lives in ${to}: nothing was moved.\n`);
      return;
    }
    tell(`in ${KNOWN_FOR_S} s, when no process knows it in ${from} any more, that is cleared`);
    await sleep(KNOWN_FOR_S * SECOND, undefined, { signal: interrupted.signal });
    const cleared = await clear({ ...options, from });
    terminal.out.write(
      `${tenant} has moved from ${from} to ${to}: ${rows} rows; ${cleared} are cleared from ${from}.\n`,
    );
  } catch (error) {
    if (error instanceof StartError)
      throw new CommandError(EXIT.failed, error.message, { cause: error });
    if (interrupted.signal.aborted)
      throw new CommandError(
        EXIT.interrupted,
        `${tenant} lives in ${to}; what it has left behind the services clear`,
      );
    throw error;
  } finally {
    end();
  }
}

function cellsOf(config: Config): Map<string, string> {
  if (config.POSTHORN_CELLS === null)
    throw new CommandError(
      EXIT.usage,
      "there are no cells to move to: POSTHORN_CELLS is not set (docs/cells.md)",
    );
  const urls = cellNames(config).map((name) => {
    const { DATABASE_URL: url, DATABASE_DIRECT_URL: direct } = settingsOfCell(config, name);
    return [name, direct ?? url ?? ""] as const;
  });
  return new Map(urls);
}

async function count(terminal: Terminal, options: MoveOptions): Promise<void> {
  const { from, tables } = await countMove(options);
  const sum = tables.reduce((total, { rows }) => total + rows, 0);
  terminal.out.write(
    tables.map(({ name, rows }) => `${name.padEnd(20)} ${rows}\n`).join("") +
      `${options.tenant} lives in ${from}, with ${sum} rows; nothing was changed.\n`,
  );
}

async function clear({
  tenant,
  from,
  to,
  cells,
  tell,
  retentionD,
}: MoveOptions & { from: string }): Promise<number> {
  const [source, target] = [from, to].map((cell) =>
    connect(cells.get(cell) ?? "", { name: "move", max: 2, log: silentLog }),
  ) as [ReturnType<typeof connect>, ReturnType<typeof connect>];
  try {
    let cleared = 0;
    for (;;) {
      const done = await clearNext(
        source.pool,
        target.pool,
        { tenant, cell: to, isClear: false },
        retentionD,
      );
      if (done === undefined)
        await sleep(SECOND / 10); // a service is at it
      else if (done.deleted === 0) return cleared;
      else if (done.late > 0) tell(`${done.late} events were committed late, and are sent on`);
      cleared += done?.deleted ?? 0;
    }
  } finally {
    await Promise.all([source.close(), target.close()]);
  }
}
