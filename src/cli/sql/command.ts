// The command line of `posthorn sql`.
import { Argument, type Command } from "commander";

import { cellOption, type CellOption } from "../cells.ts";
import { exampleLines } from "../remote.ts";
import type { Terminal } from "../terminal.ts";

export function addSql(program: Command, terminal: Terminal): void {
  program
    .command("sql")
    .description(
      "run SQL, given or piped in, or line by line at a terminal; without DATABASE_URL on the embedded database",
    )
    .addArgument(new Argument("[statements...]", "what to run, in this order"))
    .addOption(cellOption("home"))
    .option("--json", "print rows as JSON, a line each")
    .addHelpText(
      "after",
      exampleLines([
        "posthorn sql",
        `posthorn sql "select posthorn.publish('message.created', '{\\"text\\": \\"Hello\\"}')"`,
        "posthorn sql --json 'select id, type from posthorn.v_events' | jq .id",
        "posthorn sql < orders.sql",
        "posthorn sql --cell eu 'select count(*) from posthorn.v_webhooks'",
      ]),
    )
    .action(async (statements: string[], options: CellOption & { json?: true }) => {
      await (await import("./index.ts")).sql(terminal, statements, options);
    });
}
