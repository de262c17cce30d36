// `posthorn pooler`: the SQL by which a role gives its sessions what they need behind a pooler.
import { loadConfig } from "../config.ts";
import { knock } from "../database/knock.ts";
import { behindPooler } from "../database/pooler.ts";
import { lackingAt } from "../database/role-settings.ts";
import { inOneLine } from "../database/one-line.ts";
import { cellMeant, type CellOption } from "./cells.ts";
import { UsageError } from "./exit.ts";
import type { Terminal } from "./terminal.ts";

/** Prints what the role lacks, and nothing where it has it all; for one of workers alone what makes their plans, too. */
export async function printRoleSettings(
  { env, out, err }: Terminal,
  { worker = false, ...options }: CellOption & { worker?: boolean },
): Promise<void> {
  const { config, told } = cellMeant(loadConfig(env), options);
  const { DATABASE_URL: given, POSTHORN_POOLER: pooler } = config;
  if (given === null) throw new UsageError("DATABASE_URL: the pooler's address is needed");
  const url = behindPooler(await told(knock(given)), pooler ?? "transaction");
  const lacking = await told(inOneLine(lackingAt(url, "needed")));
  if (worker) lacking.push(...(await told(inOneLine(lackingAt(url, "plans")))));
  out.write(lacking.map(({ alter }) => `${alter};\n`).join(""));
  err.write(
    lacking.length === 0
      ? "The role has all that it needs.\n"
      : "Run this past the pooler, as that role or a superuser; then have the pooler connect anew, as by PgBouncer's reconnect.\n",
  );
}
