// What publishers feel of days that are made and let go while others read: they must not wait behind them.
import { setTimeout as sleep } from "node:timers/promises";

import pg from "pg";

import { silentLog } from "../../src/kernel/log.ts";
import { makePartitions, PARTITION_DAYS_AHEAD } from "../../src/database/partitions.ts";
import { retirePartitions } from "../../src/queue/retention.ts";
import { message, start } from "../children.ts";
import { nowMs } from "../clock.ts";
import { HISTORY_D, makeDay } from "../history.ts";
import type { Percentiles } from "../report.ts";
import { BENCH, type Group, type Scene } from "../stage.ts";

const PER_SECOND = 100;
const ALONE_S = 20;
const DAYS = 3; // that are made, and as many that are let go
const OLD_D = 40;
const RETENTION_D = 30;
const LONGEST_MS = 100;
const GONE_MS = 1_000;

export const retention: Group = {
  title: "Days that come and go",
  about:
    `${PER_SECOND} events a second by SQL, timed from when each was meant to go until it is committed: first alone, and ` +
    `then while ${DAYS} days are attached and ${DAYS} are detached and dropped, as the service does it, beside a ` +
    "transaction that has read the views and stays open, and one that reads all tables as a dump does. The days go once " +
    "those have ended; until then letting go is tried in vain, which is what publishers could have to wait for. At last a day " +
    "without events and one of the history go, one after the other, from the asking until their tables are gone.",
  rounds: 3,
  async run(scene) {
    const { database, note, seconds } = scene;
    const before = await probe(scene, () => sleep(seconds(ALONE_S) * 1_000));
    note("longest publish, alone", before.max, "ms");
    for (let day = OLD_D; day < OLD_D + DAYS; day++) await makeDay(database.sql, day);
    let dropped = 0;
    const during = await probe(scene, async () => {
      dropped = await comeAndGo(scene);
    });
    note("while days come and go: p99", during.p99, "ms");
    note("while days come and go: longest publish", during.max, "ms", { atMost: LONGEST_MS });
    note("publishes meanwhile", during.count, "");
    note("partitions that were dropped", dropped, "", { atLeast: 4 * DAYS });
    await makeDay(database.sql, OLD_D);
    note("a day without events: gone within", await letGo(scene, RETENTION_D), "ms");
    note("a day of the history: deliveries", await oldestDay(scene), "");
    const kept = HISTORY_D - scene.round; // in each round the oldest that is left
    note("a day of the history: gone within", await letGo(scene, kept), "ms", { atMost: GONE_MS });
  },
};

/** Publishes for as long as `act` takes. */
async function probe({ database }: Scene, act: () => Promise<void>): Promise<Percentiles> {
  const prober = start(
    new URL("../children/prober.ts", import.meta.url),
    database.url,
    BENCH.tenant,
    String(PER_SECOND),
  );
  await sleep(1_000); // until it is warm
  await act();
  const answer = message<Percentiles>(prober);
  prober.send("stop");
  return answer;
}

// Answers how many partitions were dropped.
async function comeAndGo({ database, round, seconds }: Scene): Promise<number> {
  const [user, dump] = [await connect(database.url), await connect(database.url)];
  await user.query("begin; select count(*) from posthorn.v_events");
  await user.query("select count(*) from posthorn.v_deliveries");
  await dump.query("begin isolation level repeatable read");
  await dump.query(
    "lock table posthorn.events, posthorn.event_payloads, posthorn.finished_deliveries, posthorn.attempts in access share mode",
  );
  const dumping = dump.query("select count(*), pg_sleep($1) from posthorn.events", [seconds(5)]);
  const pool = new pg.Pool({ connectionString: database.url, max: 1 });
  const retire = async () => {
    const days = { retentionD: RETENTION_D, payloadRetentionD: RETENTION_D };
    return (await retirePartitions({ pool, ...days, log: silentLog })).dropped.length;
  };
  const made = makePartitions(database.sql, PARTITION_DAYS_AHEAD + DAYS * (round + 1));
  let dropped = await retire();
  dropped += await retire();
  await made;
  await dumping;
  for (const reader of [user, dump]) {
    await reader.query("commit");
    await reader.end();
  }
  dropped += await retire();
  dropped += await retire();
  await pool.end();
  return dropped;
}

// Answers in how many ms all days are gone that are older than so many.
async function letGo({ database }: Scene, retentionD: number): Promise<number> {
  const pool = new pg.Pool({ connectionString: database.url, max: 1 });
  const days = { retentionD, payloadRetentionD: retentionD };
  const startedAt = nowMs();
  const { dropped, postponed } = await retirePartitions({ pool, ...days, log: silentLog });
  const tookMs = nowMs() - startedAt;
  await pool.end();
  if (dropped.length === 0 || postponed.length > 0) throw new Error("no day was let go");
  return tookMs;
}

// How many finished deliveries the oldest day has.
async function oldestDay({ database }: Scene): Promise<number> {
  const days = await database.sql.query<{ name: string }>(
    "select relname as name from pg_class where relname ~ '^finished_deliveries_p[0-9]{8}$' order by 1 limit 1",
  );
  const { rows } = await database.sql.query<{ count: number }>(
    `select count(*)::integer as count from posthorn.${days.rows[0]?.name}`,
  );
  return rows[0]?.count ?? Number.NaN;
}

async function connect(url: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  return client;
}
