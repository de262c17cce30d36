// What a delivery takes of the database: CPU, WAL, rows written, and the bytes that stay.
import { setTimeout as sleep } from "node:timers/promises";

import { startService } from "../children.ts";
import { payloadOf, publish } from "../service.ts";
import { BENCH, clear, WIDE, type Group, type Scene } from "../stage.ts";

const EVENTS = 20_000;
const FAN = 10;
const PAYLOAD_BYTES = 1_024;
const FOLDED_S = 5; // after the last delivery: counters and statistics are folded each second
const STEP_MS = 200;

// What stays until the retention has passed; all else is the queue's, and is written over and over.
const KEPT = ["events", "event_payloads", "finished_deliveries", "attempts"] as const;

type Taken = { cpuUs: number; walBytes: number; rows: number; keptBytes: number };

export const footprint: Group = {
  title: "What a delivery takes of the database",
  about:
    `${EVENTS.toLocaleString("en")} events of 1 KB are published in lists of 500 and delivered by one worker at the first attempt: each to one webhook, ` +
    `and a tenth of them to ${FAN} webhooks each. Counted from the first publish until counters are folded: WAL right after a ` +
    "checkpoint holds whole pages, so it is the most that it can be. Rows are all that are inserted, changed or deleted; " +
    "kept is what tables and indexes of events, payloads, finished deliveries and attempts grew by.",
  rounds: 1,
  async run(scene) {
    const { note, count } = scene;
    const one = await take(scene, BENCH.tenant, BENCH.channels, count(EVENTS), 1);
    await clear(scene);
    const many = await take(scene, WIDE.tenant, [`fan ${FAN}`], count(EVENTS / FAN), FAN);
    for (const [name, taken] of [
      ["one webhook an event", one],
      [`${FAN} webhooks an event`, many],
    ] as const) {
      note(`${name}: CPU of the database, a delivery`, taken.cpuUs, "µs");
      note(`${name}: WAL, a delivery`, taken.walBytes, "bytes");
      note(`${name}: rows written, a delivery`, taken.rows, "");
      note(`${name}: kept, a delivery`, taken.keptBytes, "bytes");
    }
  },
};

/** Publishes and delivers all, and answers what that took, by delivery. */
async function take(
  scene: Scene,
  tenant: string,
  channels: readonly string[],
  events: number,
  fan: number,
): Promise<Taken> {
  const { database, receiver, env, seconds } = scene;
  const deliveries = events * fan;
  await database.sql.query("checkpoint");
  const before = await read(scene);
  await publish(database.url, tenant, {
    count: events,
    channels,
    payload: payloadOf(PAYLOAD_BYTES),
  });
  const worker = await startService("worker", env);
  while ((await receiver.count()).unique < deliveries) await sleep(STEP_MS);
  await sleep(seconds(FOLDED_S) * 1_000);
  await worker.stop(); // a session's last numbers reach the statistics when it ends
  const after = await read(scene);
  const each = (name: keyof Taken) => (after[name] - before[name]) / deliveries;
  return {
    ...{ cpuUs: each("cpuUs"), walBytes: each("walBytes") },
    ...{ rows: each("rows"), keptBytes: each("keptBytes") },
  };
}

async function read({ database }: Scene): Promise<Taken> {
  await database.sql.query("select pg_stat_force_next_flush(), pg_stat_clear_snapshot()");
  const { rows } = await database.sql.query<Record<keyof Omit<Taken, "cpuUs">, string>>(
    `select pg_current_wal_insert_lsn() - '0/0' as "walBytes",
       (select sum(n_tup_ins + n_tup_upd + n_tup_del) from pg_stat_user_tables where schemaname = 'posthorn') as rows,
       (select sum(pg_total_relation_size(tree.relid)) from unnest($1::text[]) as kept
        cross join lateral pg_partition_tree(('posthorn.' || kept)::regclass) as tree) as "keptBytes"`,
    [KEPT],
  );
  const [row] = rows;
  return {
    cpuUs: database.cpuUs(),
    walBytes: Number(row?.walBytes),
    rows: Number(row?.rows),
    keptBytes: Number(row?.keptBytes),
  };
}
