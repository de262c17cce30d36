// Settings of cells: the databases beside the home one, by name.
import { z } from "zod";

import { complaintAbout } from "../database/url-form.ts";
import { StartError } from "../kernel/errors.ts";

/** The name of the cell that DATABASE_URL leads to. */
export const HOME = "home";

const NAME = /^[a-z0-9-]{1,30}$/;
const CELLS_MAX = 20; // each has its own connections in every process

/** One of POSTHORN_CELLS. */
export type CellUrl = { name: string; url: string };

export const cellName = z.string().regex(NAME, "1 to 30 of a-z, 0-9 and - are needed");

export const cells = z.string().transform((value, context): CellUrl[] => {
  const found = value.split(",").map((part): CellUrl => {
    const [name = "", ...rest] = part.trim().split("=");
    return { name, url: rest.join("=") };
  });
  const message = complaintOf(found);
  if (message === undefined) return found;
  context.addIssue({ code: "custom", message });
  return z.NEVER;
});

/** Throws a StartError where a cell is home's own database, or the default is none of them. */
export function refuseCells({
  DATABASE_URL,
  POSTHORN_CELLS,
  POSTHORN_DEFAULT_CELL: first,
}: {
  DATABASE_URL: string | null;
  POSTHORN_CELLS: CellUrl[] | null;
  POSTHORN_DEFAULT_CELL: string;
}): void {
  const own = POSTHORN_CELLS?.find(({ url }) => url === DATABASE_URL);
  if (own)
    throw new StartError(
      `POSTHORN_CELLS: ${own.name} leads to DATABASE_URL's own database, which is the cell ${HOME}; leave it out`,
    );
  const names = [HOME, ...(POSTHORN_CELLS ?? []).map(({ name }) => name)];
  if (!names.includes(first))
    throw new StartError(
      `POSTHORN_DEFAULT_CELL: there is no cell ${first}; POSTHORN_CELLS makes ${names.join(", ")}`,
    );
}

// Names are told and URLs are not: they hold passwords.
function complaintOf(found: readonly CellUrl[]): string | undefined {
  if (found.length > CELLS_MAX)
    return `at most ${CELLS_MAX} cells are possible, ${found.length} were found`;
  for (const [index, { name, url }] of found.entries()) {
    if (!NAME.test(name))
      return `cell ${index + 1} has no name of 1 to 30 of a-z, 0-9 and -: eu=postgres://…,us=postgres://… is needed, a comma in a password as %2C`;
    if (name === HOME) return `${HOME} is the cell of DATABASE_URL; give this one another name`;
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
