// `posthorn keys`: API keys made, listed and ended beside the database, so that the first one needs no key.
import { connect, type Db } from "../database/connect.ts";
import { openDatabase } from "../database/open.ts";
import { writeCatalogue } from "../event-types/catalogue/write.ts";
import { StartError } from "../kernel/errors.ts";
import { isBeingMoved } from "../kernel/faults.ts";
import { formatId } from "../kernel/ids.ts";
import { silentLog } from "../kernel/log.ts";
import { printable } from "../kernel/printable.ts";
import { WITHOUT_TENANT, type KeyScope } from "../kernel/scopes.ts";
import { createKey, listKeys, revokeKey, type KeyRow } from "../store/keys.ts";
import { stay } from "../store/stay.ts";
import { cellOfTenant, cellsMeant, type CellMeant } from "./cells.ts";
import { UsageError } from "./exit.ts";
import { readConfig, say } from "./process.ts";

const PAGE_SIZE = 200;
const HEADING = ["ID", "SCOPE", "CREATED", "EXPIRES", "REVOKED", "USED", "TENANT", "NAME"];

/** Makes an API key and prints it, this once. */
export async function createApiKey(options: {
  name: string;
  scope: KeyScope;
  tenant?: string;
  expiresAt?: Date;
  expiresIn?: Date;
}): Promise<void> {
  const { name, scope } = options;
  const expiresAt = options.expiresAt ?? options.expiresIn ?? null;
  const whyNone = WITHOUT_TENANT[scope];
  if (whyNone !== undefined && options.tenant !== undefined)
    throw new UsageError(`--tenant: ${whyNone}`);
  const tenant = whyNone !== undefined ? null : (options.tenant ?? "default");
  const its = await cellOfTenant(readConfig(), tenant, { writes: true });
  await withDatabase(its, async (db) => {
    const made = await db.transaction().execute(async (trx) => {
      if (tenant !== null) await stay(trx, tenant);
      return createKey(trx, { name, scope, tenant, expiresAt });
    });
    if (!made) throw new UsageError("--expires-at: this is past; a time in the future is needed");
    process.stdout.write(`${made.key}\n`);
  });
}

/** Prints the API keys there are, newest first, a line each, those of one cell after another's; never the keys themselves. */
export async function listApiKeys(filter: { tenant?: string; scope?: KeyScope }): Promise<void> {
  let lines = [HEADING];
  for (const each of cellsMeant(readConfig(), {}))
    await withDatabase(each, async (db) => {
      let rows: KeyRow[] = [];
      do {
        rows = await listKeys(db, { ...filter, before: rows.at(-1)?.id, limit: PAGE_SIZE });
        lines.push(...rows.map(cells));
        process.stdout.write(aligned(lines));
        lines = [];
      } while (rows.length === PAGE_SIZE);
    });
}

/** Ends an API key: no process takes it from now on. */
export async function revokeApiKey(id: string): Promise<void> {
  const moving: string[] = []; // where its tenant has left it may be still
  for (const each of cellsMeant(readConfig(), {})) {
    const row = await withDatabase(each, (db) => revokeKey(db, id)).catch((error: unknown) => {
      if (!isBeingMoved(error)) throw error;
      moving.push(each.cell);
      return undefined;
    });
    if (row) return say(`${formatId("key", id)} (${printable(row.name)}) is revoked.`);
  }
  if (moving.length > 0)
    throw new StartError("the key's tenant is being moved to another cell; try again after that");
  throw new StartError(
    `no API key has the id ${formatId("key", id)}; posthorn keys list shows those there are`,
  );
}

async function withDatabase<T>(
  { config, told }: CellMeant,
  work: (db: Db) => Promise<T>,
): Promise<T> {
  const database = await told(
    openDatabase(config, silentLog, { share: true, seed: writeCatalogue }),
  );
  const connection = connect(database.url, { name: "keys", max: 1, log: silentLog });
  try {
    return await work(connection.db);
  } finally {
    await connection.close();
    await database.close();
  }
}

function cells({ id, scope, tenant, name, ...row }: KeyRow): string[] {
  const times = [row.created_at, row.expires_at, row.revoked_at, row.last_used_at].map(
    (time) => time?.toISOString() ?? "-",
  );
  return [
    formatId("key", id),
    scope,
    ...times,
    tenant ?? (scope === "admin" ? "*" : "-"),
    printable(name),
  ];
}

function aligned(lines: readonly string[][]): string {
  const widths = HEADING.map((_, n) => Math.max(...lines.map((line) => line[n]?.length ?? 0)));
  const pad = (cell: string, n: number) => cell.padEnd(widths[n] ?? 0);
  return lines.map((line) => `${line.map(pad).join("  ").trimEnd()}\n`).join("");
}
