// `posthorn keys create`: an API key made beside the database, so that the first one needs no key.
import { connect } from "../database/connect.ts";
import { openDatabase } from "../database/open.ts";
import { writeCatalogue } from "../event-types/catalogue/write.ts";
import { StartError } from "../kernel/errors.ts";
import { silentLog } from "../kernel/log.ts";
import type { KeyScope } from "../kernel/scopes.ts";
import { createKey } from "../store/keys.ts";
import { readConfig } from "./process.ts";

/** Makes an API key and prints it, this once. */
export async function createApiKey(options: {
  name: string;
  scope: KeyScope;
  tenant?: string;
  expiresAt?: Date;
}): Promise<void> {
  const { name, scope, expiresAt = null } = options;
  if (scope === "admin" && options.tenant !== undefined)
    throw new StartError("--tenant: an admin key has every tenant; leave it out");
  const tenant = scope === "admin" ? null : (options.tenant ?? "default");
  const database = await openDatabase(readConfig(), silentLog, {
    share: true,
    seed: writeCatalogue,
  });
  const connection = connect(database.url, { name: "keys", max: 1, log: silentLog });
  try {
    const made = await createKey(connection.db, { name, scope, tenant, expiresAt });
    if (!made) throw new StartError("--expires-at: this is past; a time in the future is needed");
    process.stdout.write(`${made.key}\n`);
  } finally {
    await connection.close();
    await database.close();
  }
}
