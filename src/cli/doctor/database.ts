// What the doctor asks the database.
import type { Config } from "../../config.ts";
import { connect, type Connection } from "../../database/connect.ts";
import { sumOf, shareOut } from "../../database/connections.ts";
import { examine } from "../../database/examine.ts";
import { planMigrations } from "../../database/migrate.ts";
import { findOpenTransactions } from "../../database/old-transactions.ts";
import type { ReachedDatabase } from "../../database/open.ts";
import { poolerOf } from "../../database/pooler.ts";
import { countDaysAhead } from "../../database/partitions.ts";
import { silentLog } from "../../kernel/log.ts";
import { readSending } from "../../queue/sending.ts";
import { bad, ok, type Finding } from "./finding.ts";
import {
  judgeClock,
  judgeConnections,
  judgePartitions,
  judgeRights,
  judgeSchema,
  judgeSending,
  judgeServer,
  judgeTransactions,
  OPEN_S_MIN,
} from "./judge.ts";
import { judgeCell } from "./cell.ts";
import { judgeSecrets } from "./secrets.ts";
import { examineStandby } from "./standby.ts";

/** Looks at all of it; throws where it can't be reached. */
export async function examineDatabase(
  { url, directUrl, readUrl }: Pick<ReachedDatabase, "url" | "directUrl" | "readUrl">,
  config: Config,
  cell: string,
): Promise<Finding[]> {
  const connection = connect(url, { name: "doctor", max: 1, log: silentLog });
  try {
    const { found, roundTripMs, clockAheadMs } = await timed(connection);
    const findings = [
      judgeServer(found, roundTripMs),
      ...judgePooler(url),
      ...(await examineStandby({ readUrl, directUrl })),
      judgeClock(clockAheadMs),
      judgeConnections(found, sumOf(shareOut("serve", config.POSTHORN_CONNECTIONS))),
      judgeTransactions(await findOpenTransactions(connection.pool, OPEN_S_MIN)),
    ];
    if (!found.schema_is_made)
      return [
        ...findings,
        bad(
          "schema",
          "note",
          "there is none yet",
          "posthorn migrate, or the first start, makes it",
        ),
      ];
    return [
      ...findings,
      judgeSchema(await planMigrations(directUrl)),
      judgeRights(found),
      judgeSending(await readSending(connection.pool, config.POSTHORN_INSTALLATION)),
      judgePartitions(await countDaysAhead(connection.pool), found),
      ...(config.POSTHORN_CELLS === null ? [] : await judgeCell(connection.pool, cell)),
      ...(await judgeSecrets(connection, config)),
    ];
  } finally {
    await connection.close();
  }
}

// The second look is the one that is timed: the first one has connected.
async function timed({ pool }: Connection) {
  await examine(pool);
  const before = Date.now();
  const found = await examine(pool);
  const roundTripMs = Date.now() - before;
  return { found, roundTripMs, clockAheadMs: found.now.getTime() - before - roundTripMs / 2 };
}

// Where its sessions lack something, or another database is behind it, nobody comes so far.
function judgePooler(url: string): Finding[] {
  const pooler = poolerOf(url);
  if (pooler === undefined) return [];
  const found = `${pooler}; the role's sessions have what they need, and DATABASE_DIRECT_URL leads past it`;
  return [ok("pooler", found)];
}
