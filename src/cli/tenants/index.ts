// `posthorn tenants`: what is done with a tenant as a whole, beside the databases.
import type { Command } from "commander";

import { tenantName } from "../arguments.ts";
import { exampleLines } from "../remote.ts";
import type { Terminal } from "../terminal.ts";
import type { MoveCommand } from "./move.ts";

export function addTenants(program: Command, terminal: Terminal): void {
  const tenants = program.command("tenants").description("tenants, and where they live");
  tenants
    .command("move")
    .description(
      "move all that a tenant has to another cell: what is published meanwhile waits, and is sent from there",
    )
    .argument("<tenant>", "its name", tenantName)
    .requiredOption("--to <cell>", "a name of POSTHORN_CELLS, or home")
    .option("--dry-run", "change nothing: tell how much would be moved")
    .addHelpText(
      "after",
      exampleLines([
        "posthorn tenants move acme --to us --dry-run",
        "posthorn tenants move acme --to us",
      ]),
    )
    .action(async (tenant: string, options: MoveCommand) => {
      const { moveHere } = await import("./move.ts");
      await moveHere(terminal, tenant, options);
    });
}
