// `posthorn migrate`: brings the schema up to this program. Needs no secrets key: it opens nothing that is sealed.
import { reachDatabase } from "../database/open.ts";
import { PARTITION_DAYS_AHEAD } from "../database/partitions.ts";
import { prepareDatabase } from "../database/prepare.ts";
import { writeCatalogue } from "../event-types/catalogue/write.ts";
import { createLog } from "../kernel/log.ts";
import { readConfig, say } from "./process.ts";

/** Migrates, and says so. */
export async function migrateDatabase(): Promise<void> {
  const config = readConfig();
  const log = createLog(config.LOG_LEVEL);
  const database = await reachDatabase(config, log, { share: true });
  try {
    await prepareDatabase(database.url, {
      log,
      seed: writeCatalogue,
      daysAhead: PARTITION_DAYS_AHEAD, // those who run it may be the only ones who can
    });
  } finally {
    await database.close();
  }
  say("The database is up to date.");
}
