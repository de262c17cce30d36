// Settings of cells: the databases beside the home one, by name.
import { z } from "zod";

import { complaintAbout } from "../database/url-form.ts";
import { StartError } from "../kernel/errors.ts";
import { setting } from "./setting.ts";

/** The name of the cell that DATABASE_URL leads to. */
export const HOME = "home";

const NAME = /^[a-z0-9-]{1,30}$/;
const CELLS_MAX = 20; // each has its own connections in every process

/** One of POSTHORN_CELLS. */
type CellUrl = { name: string; url: string };

const cellName = z.string().regex(NAME, "1 to 30 of a-z, 0-9 and - are needed");

/** URLs by their cells' names, none of which is home's: that is `ofHome`. */
const cells = (ofHome: string) =>
  z.string().transform((value, context): CellUrl[] => {
    const found = value.split(",").map((part): CellUrl => {
      const [name = "", ...rest] = part.trim().split("=");
      return { name, url: rest.join("=") };
    });
    const message = complaintOf(found, ofHome);
    if (message === undefined) return found;
    context.addIssue({ code: "custom", message });
    return z.NEVER;
  });

/** The settings of cells, by their names in the environment. */
export const CELL_SETTINGS = {
  POSTHORN_CELLS: setting(
    cells("DATABASE_URL"),
    null,
    "Databases beside DATABASE_URL's, which is the cell home, each with a name: eu=postgres://…,us=postgres://…. Each tenant lives whole in one. Needs DATABASE_URL.",
  ),
  POSTHORN_CELLS_DIRECT: setting(
    cells("DATABASE_DIRECT_URL"),
    null,
    "Of cells that POSTHORN_CELLS reaches through the pooler of POSTHORN_POOLER, the same databases past it: eu=postgres://…. A cell that is left out is reached directly.",
  ),
  POSTHORN_CELLS_READ: setting(
    cells("DATABASE_READ_URL"),
    null,
    "Standbys of cells, which their lists and statistics are read from, as from DATABASE_READ_URL: eu=postgres://…",
  ),
  POSTHORN_DEFAULT_CELL: setting(
    cellName,
    HOME,
    "The cell where a tenant that is new lives from its first write on.",
  ),
};

/** What of the settings says which databases there are. */
type Databases = {
  DATABASE_URL: string | null;
  DATABASE_DIRECT_URL: string | null;
  DATABASE_READ_URL: string | null;
  POSTHORN_POOLER: "transaction" | "transaction-named" | null;
  POSTHORN_CELLS: CellUrl[] | null;
  POSTHORN_CELLS_DIRECT: CellUrl[] | null;
  POSTHORN_CELLS_READ: CellUrl[] | null;
  POSTHORN_DEFAULT_CELL: string;
};

/** The names of all cells, home first. */
export function cellNames({ POSTHORN_CELLS }: Pick<Databases, "POSTHORN_CELLS">): string[] {
  return [HOME, ...(POSTHORN_CELLS ?? []).map(({ name }) => name)];
}

/**
 * The settings with the database of a cell in place of home's. Behind the pooler of POSTHORN_POOLER is a cell that has a way past it in
 * POSTHORN_CELLS_DIRECT.
 */
export function settingsOfCell<Settings extends Databases>(
  settings: Settings,
  cell: string,
): Settings {
  if (cell === HOME) return settings;
  const of = (urls: CellUrl[] | null) => urls?.find(({ name }) => name === cell)?.url ?? null;
  const DATABASE_URL = of(settings.POSTHORN_CELLS);
  if (DATABASE_URL === null) throw new Error(`there is no cell ${cell}`);
  const DATABASE_DIRECT_URL = of(settings.POSTHORN_CELLS_DIRECT);
  return {
    ...settings,
    DATABASE_URL,
    DATABASE_DIRECT_URL,
    DATABASE_READ_URL: of(settings.POSTHORN_CELLS_READ),
    POSTHORN_POOLER: DATABASE_DIRECT_URL === null ? null : settings.POSTHORN_POOLER,
  };
}

/** Throws a StartError where a cell is home's own database, or what is said of a cell is of none of them. */
export function refuseCells(settings: Databases): void {
  const { DATABASE_URL, POSTHORN_CELLS } = settings;
  const own = POSTHORN_CELLS?.find(({ url }) => url === DATABASE_URL);
  if (own)
    throw new StartError(
      `POSTHORN_CELLS: ${own.name} leads to DATABASE_URL's own database, which is the cell ${HOME}; leave it out`,
    );
  for (const setting of ["POSTHORN_CELLS_DIRECT", "POSTHORN_CELLS_READ"] as const)
    for (const { name } of (POSTHORN_CELLS && settings[setting]) ?? [])
      if (!cellNames(settings).includes(name)) throw noSuchCell(setting, name, settings);
  const first = settings.POSTHORN_DEFAULT_CELL;
  if (!cellNames(settings).includes(first))
    throw noSuchCell("POSTHORN_DEFAULT_CELL", first, settings);
}

function noSuchCell(setting: string, cell: string, settings: Databases): StartError {
  return new StartError(
    `${setting}: there is no cell ${cell}; POSTHORN_CELLS makes ${cellNames(settings).join(", ")}`,
  );
}

// Names are told and URLs are not: they hold passwords.
function complaintOf(found: readonly CellUrl[], ofHome: string): string | undefined {
  if (found.length > CELLS_MAX)
    return `at most ${CELLS_MAX} cells are possible, ${found.length} were found`;
  for (const [index, { name, url }] of found.entries()) {
    if (!NAME.test(name))
      return `cell ${index + 1} has no name of 1 to 30 of a-z, 0-9 and -: eu=postgres://…,us=postgres://… is needed, a comma in a password as %2C`;
    if (name === HOME)
      return `${HOME} is the cell of DATABASE_URL, and its address ${ofHome}; give this one another name`;
    const complaint = complaintAbout(url);
    if (complaint !== undefined) return `${name}: ${complaint}`;
    if (found.findIndex((each) => each.name === name) !== index)
      return `the name ${name} is given twice; each cell has one of its own`;
    const same = found.findIndex((each) => each.url === url);
    if (same !== index)
      return `${found[same]?.name} and ${name} lead to the same database; each cell has one of its own`;
  }
  return undefined;
}
