// Which of an installation's databases a command works on: the one that `--cell` names, home's, or all of them.
import { Option } from "commander";

import type { Config } from "../config.ts";
import { cellNames, HOME, settingsOfCell } from "../config/cells.ts";
import { connect } from "../database/connect.ts";
import { ofCell } from "../database/one-line.ts";
import { openDatabase } from "../database/open.ts";
import { writeCatalogue } from "../event-types/catalogue/write.ts";
import { silentLog } from "../kernel/log.ts";
import { findPlacement, place } from "../store/placements.ts";
import { UsageError } from "./exit.ts";

/** One database, and the settings by which it is reached. */
export type CellMeant = {
  cell: string;
  config: Config;
  /** What is said of its database, said by the settings of the cell. */
  told<T>(work: Promise<T>): Promise<T>;
  /** Says of which cell a line is, where there are several. */
  tell(line: string): string;
};

export type CellOption = { cell?: string };

/** `--cell`, of a command that works on one database, or on all unless one is named. */
export function cellOption(unless: "home" | "all"): Option {
  const without = unless === "home" ? "unless given, home's" : "unless given, all of them";
  return new Option(
    "--cell <name>",
    `the database of this cell alone, of POSTHORN_CELLS; ${without}`,
  );
}

/** The one that is named, or home's. */
export function cellMeant(config: Config, { cell = HOME }: CellOption): CellMeant {
  const names = cellNames(config);
  if (!names.includes(cell))
    throw new UsageError(`--cell: there is no cell ${cell}; those there are: ${names.join(", ")}`);
  return {
    cell,
    config: settingsOfCell(config, cell),
    told: (work) => (cell === HOME ? work : ofCell(cell, work)),
    tell: (line) => (config.POSTHORN_CELLS === null ? line : `${cell}: ${line}`),
  };
}

/** The one that is named, or all of them, home's first. */
export function cellsMeant(config: Config, { cell }: CellOption): CellMeant[] {
  const names = cell === undefined ? cellNames(config) : [cell];
  return names.map((name) => cellMeant(config, { cell: name }));
}

/** The one where a tenant lives. One that has written nothing yet lives from now on where new ones do, if this `writes`. */
export async function cellOfTenant(
  config: Config,
  tenant: string | null,
  { writes }: { writes: boolean },
): Promise<CellMeant> {
  if (config.POSTHORN_CELLS === null || tenant === null) return cellMeant(config, {});
  const database = await openDatabase(config, silentLog, { share: true, seed: writeCatalogue });
  const { pool, close } = connect(database.url, { name: "keys", max: 1, log: silentLog });
  try {
    const first = config.POSTHORN_DEFAULT_CELL;
    const cell = writes
      ? await place(pool, { tenant, cell: first })
      : ((await findPlacement(pool, tenant)) ?? first);
    return cellMeant(config, { cell });
  } finally {
    await close();
    await database.close();
  }
}
