// `posthorn migrate`: brings the schema up to this program. Needs no secrets key: it opens nothing that is sealed.
import type { Config } from "../config.ts";
import { knock } from "../database/knock.ts";
import { LOCK_WAIT_MS, planMigrations } from "../database/migrate.ts";
import { reachDatabase } from "../database/open.ts";
import type { TakenLock } from "../database/migration-locks.ts";
import { prepareDatabase } from "../database/prepare.ts";
import { writeCatalogue } from "../event-types/catalogue/write.ts";
import { createLog, silentLog } from "../kernel/log.ts";
import { cellsMeant, type CellOption } from "./cells.ts";
import { readConfig, say } from "./process.ts";

export type MigrateCommand = CellOption & {
  /** Only tells what would run. */
  plan?: true;
  /** For how many days from today partitions are made. */
  days: number;
  json?: true;
};

/** Migrates, home's first where there are cells, and says so. */
export async function migrateDatabase(options: MigrateCommand): Promise<void> {
  const { plan, days, json } = options;
  const all = readConfig();
  for (const { cell, config, told } of cellsMeant(all, options)) {
    const isOne = all.POSTHORN_CELLS === null;
    if (plan) await told(showPlan(config, json, isOne ? undefined : cell));
    else await told(migrateOne(config, days));
  }
  if (!plan) say("The database is up to date.");
}

async function migrateOne(config: Config, days: number): Promise<void> {
  const log = createLog(config.LOG_LEVEL);
  const database = await reachDatabase(config, log, { share: true });
  try {
    await prepareDatabase(database.directUrl, {
      log,
      seed: writeCatalogue,
      daysAhead: days, // those who run it may be the only ones who can
    });
  } finally {
    await database.close();
  }
}

// Reads and changes nothing, but an embedded database that is not there yet is made.
async function showPlan(
  config: Config,
  json: true | undefined,
  cell: string | undefined,
): Promise<void> {
  const database = await reachDatabase(config, silentLog, { share: true });
  try {
    const { version, pending } = await planMigrations(await knock(database.directUrl));
    if (json) return void process.stdout.write(`${JSON.stringify({ cell, version, pending })}\n`);
    if (cell !== undefined) process.stdout.write(`Cell ${cell}\n`);
    if (pending.length === 0)
      return void process.stdout.write(`Nothing would run: the schema is at version ${version}.\n`);
    const lines = pending.flatMap(({ name, locks }) => [
      name,
      ...(locks.length === 0 ? ["  locks nothing that is there"] : locks.map(lockInWords)),
    ]);
    process.stdout.write(`${lines.join("\n")}\n`);
    say(
      `Each is a transaction of its own. A lock that is not to be had within ${LOCK_WAIT_MS} ms is given up and tried for again: nobody waits behind it for longer.`,
    );
  } finally {
    await database.close();
  }
}

function lockInWords({ table, mode, stops }: TakenLock): string {
  const held = stops === "nothing" ? "stops nobody" : `stops ${stops} on it while it runs`;
  return `  ${mode} lock on posthorn.${table}: ${held}`;
}
