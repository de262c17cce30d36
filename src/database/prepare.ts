// Makes a database ready for a service: schema, built-in types, settings, and the secrets key's mark.
import { StartError } from "../kernel/errors.ts";
import { isDatabaseAway } from "../kernel/faults.ts";
import type { Log } from "../kernel/log.ts";
import { connect, type Db } from "./connect.ts";
import { reasonOf } from "./knock.ts";
import { migrate } from "./migrate.ts";
import { makePartitions, START_DAYS_AHEAD } from "./partitions.ts";
import { forgetDroppedRoles } from "./publishers.ts";
import { checkSecretsKey, type Sealer } from "./sealed.ts";
import { writePublishSettings, type PublishSettings } from "./settings.ts";
import { inOneLine } from "./one-line.ts";
import { findStraightWay } from "./ways.ts";

export type PrepareOptions = {
  log: Log;
  /** Writes what every database holds from the start: the built-in event types. */
  seed: (db: Db) => Promise<void>;
  settings?: PublishSettings;
  sealer?: Sealer;
  /** Days of partitions that are made before it is ready; fewer make a test's database quick to copy. */
  daysAhead?: number;
  /** The setting that names it, for what is told of it. */
  setting?: string;
};

export type Prepared = { applied: string[]; url: string };

/**
 * Brings the database up to this program; `url` is the one to use from here on. Throws a StartError, one line, where it
 * can't be used.
 */
export async function prepareDatabase(url: string, options: PrepareOptions): Promise<Prepared> {
  return inOneLine(prepare(url, options), options.setting);
}

async function prepare(given: string, options: PrepareOptions): Promise<Prepared> {
  const { log, seed, settings, sealer, daysAhead = START_DAYS_AHEAD } = options;
  const url = await findStraightWay(given);
  const { applied } = await migrate(url, { log, daysAhead });
  const connection = connect(url, { name: "prepare", max: 1, log });
  try {
    // Without them nothing can be published: what a start before this one did not finish is finished here, or said.
    await makePartitions(connection.pool, daysAhead).catch((error: unknown) => {
      if (isDatabaseAway(error)) throw error;
      throw new StartError(
        `DATABASE_URL: the tables of today and the next ${daysAhead} days can't all be made: ${reasonOf(error)}; run posthorn migrate as the schema's owner`,
        { cause: error },
      );
    });
    await forgetDroppedRoles(connection.db);
    await seed(connection.db);
    if (settings) await writePublishSettings(connection.db, settings);
    if (sealer) await checkSecretsKey(connection.db, sealer);
  } finally {
    await connection.close();
  }
  return { applied, url };
}
