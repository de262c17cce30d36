// `posthorn database`: all of a database in a folder of files, and from there into another one.
import type { Command } from "commander";

import { cellOption, type CellOption } from "../cells.ts";
import { exampleLines } from "../remote.ts";
import type { Terminal } from "../terminal.ts";
import type { ImportOptions } from "./import.ts";

export function addDatabase(program: Command, terminal: Terminal): void {
  const database = program
    .command("database")
    .description("all of the database, moved to another one: beside it");
  database
    .command("export")
    .description(
      "write all that the database holds, as of one moment, into a folder: secrets stay sealed; the service may run",
    )
    .argument("<folder>", "an empty one, or one that is made")
    .addOption(cellOption("home"))
    .option("--json", "what was written as JSON")
    .addHelpText(
      "after",
      exampleLines([
        "posthorn database export ./moved",
        "DATABASE_URL=postgres://… posthorn database export /backup/posthorn-1",
        "posthorn database export --cell eu ./moved-eu",
      ]),
    )
    .action(async (folder: string, options: CellOption & { json?: true }) => {
      const { exportHere } = await import("./export.ts");
      await exportHere(terminal, folder, options);
    });
  database
    .command("import")
    .description(
      "read such a folder into an empty database, all of it or nothing; nothing is sent before posthorn resume-all --adopt",
    )
    .argument("<folder>", "what posthorn database export has written")
    .addOption(cellOption("home"))
    .option(
      "--adopt",
      "send at once, as posthorn resume-all --adopt does: only where nothing sends from the old database any more",
    )
    .option("--json", "what was read as JSON")
    .addHelpText(
      "after",
      exampleLines([
        'DATABASE_URL=postgres://… POSTHORN_SECRETS_KEY="$(cat .posthorn/secrets.key)" posthorn database import ./moved',
        "posthorn database import ./moved --adopt",
      ]),
    )
    .action(async (folder: string, options: ImportOptions) => {
      const { importHere } = await import("./import.ts");
      await importHere(terminal, folder, options);
    });
}
