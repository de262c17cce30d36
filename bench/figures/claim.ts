// What a claim costs beside much that is not due, and beside much that is but may not go.
import { setTimeout as sleep } from "node:timers/promises";

import pg from "pg";

import { groupedBars } from "../charts.ts";
import { residentMb, startService } from "../children.ts";
import { timeClaims } from "../claims.ts";
import { settings, subscribe } from "../service.ts";
import type { Group, Scene } from "../stage.ts";

const WAITING = [0, 100_000, 1_000_000];
const QUEUED = 100_000;
const WEBHOOKS = 100;
const MEMORY_RATIO = 1.1; // flat: what a heap happens to hold differs by less
const SETTLED_MS = 5_000; // by when a started worker has all it needs in memory

const INSERT = `
  insert into posthorn.deliveries
    (state, payload_bytes, id, event_id, webhook_id, due_at, created_at, tenant, cause)
  select $1::smallint, 1024, posthorn.uuid_v7(clock_timestamp(), 0), gen_random_uuid(), webhook_id,
    now() + case when $1::smallint = 1 then interval '1 day' else interval '0' end, now(), tenant, 'publish'
  from (select webhook_id, tenant, row_number() over (order by webhook_id) as place from posthorn.webhooks) as w
  join generate_series(1, $2::integer) as n on w.place = 1 + n % $3::integer`;

export const claim: Group = {
  title: "The claim",
  about:
    `A claim of 50 of ${WEBHOOKS} webhooks' rows, as a worker makes it, on tables that were never analyzed or ` +
    "vacuumed; and a worker's memory beside the same number of waiting rows.",
  rounds: 1,
  run: measure,
  charts: (figures) => ({
    "claim.svg": groupedBars(
      "A claim of 50, ms, beside so many waiting",
      WAITING.map((waiting) => waiting.toLocaleString("en")),
      ["p50", "p99"].map((share) => ({
        name: share,
        values: WAITING.map((waiting) => figures.median(nameOf(waiting, share))),
      })),
    ),
  }),
};

async function measure(scene: Scene): Promise<void> {
  const { database, receiver } = scene;
  const url = await database.fresh("claim");
  const webhooks = Array.from({ length: WEBHOOKS }, (_, n) => ({ url: `${receiver.url}/c${n}` }));
  await subscribe(url, "claim", webhooks);
  const sql = new pg.Client({ connectionString: url });
  await sql.connect();
  try {
    for (const table of ["deliveries", "webhook_states"])
      await sql.query(`alter table posthorn.${table} set (autovacuum_enabled = false)`);
    await besideWaiting(scene, url, sql);
    await besideQueued(scene, url, sql);
  } finally {
    await sql.end();
    await database.drop("claim");
  }
}

async function besideWaiting(scene: Scene, url: string, sql: pg.Client): Promise<void> {
  let there = 0;
  for (const waiting of WAITING) {
    await sql.query(INSERT, [1, scene.count(waiting - there), WEBHOOKS]);
    there = waiting;
    scene.note(memoryOf(waiting), await memory(url), "MB");
    await sql.query(INSERT, [0, WEBHOOKS, WEBHOOKS]);
    const { p50, p99 } = await timeClaims(url);
    scene.note(nameOf(waiting, "p50"), p50, "ms");
    scene.note(nameOf(waiting, "p99"), p99, "ms");
    await sql.query("delete from posthorn.deliveries where bucket = 0 and state = 0");
    if (waiting === 0) continue;
    const ratio = scene.median(nameOf(waiting, "p50")) / scene.median(nameOf(0, "p50"));
    scene.note(`claim of 50, ${waiting.toLocaleString("en")} waiting to none`, ratio, "×", {
      atMost: 1.5,
    });
    const memoryRatio = scene.median(memoryOf(waiting)) / scene.median(memoryOf(0));
    scene.note(`${memoryOf(waiting)} to none`, memoryRatio, "×", { atMost: MEMORY_RATIO });
  }
}

// All of the first webhook, whose slots are taken.
async function besideQueued(scene: Scene, url: string, sql: pg.Client): Promise<void> {
  await sql.query(INSERT, [0, WEBHOOKS, WEBHOOKS]);
  await sql.query(INSERT, [0, scene.count(QUEUED), 1]);
  const { rows } = await sql.query<{ id: string }>(
    "select min(webhook_id) as id from posthorn.webhooks",
  );
  const { p50, p99 } = await timeClaims(url, [Number(rows[0]?.id)]);
  const name = `${QUEUED.toLocaleString("en")} ready behind one webhook without a free slot`;
  scene.note(`${name}: p50`, p50, "ms");
  scene.note(`${name}: p99`, p99, "ms");
}

async function memory(url: string): Promise<number> {
  const worker = await startService("worker", settings(url));
  await sleep(SETTLED_MS);
  const mb = residentMb(worker.pid);
  await worker.stop();
  return mb;
}

function memoryOf(waiting: number): string {
  return `worker's memory, ${waiting.toLocaleString("en")} waiting`;
}

function nameOf(waiting: number, share: string): string {
  return `claim of 50, ${waiting.toLocaleString("en")} waiting: ${share}`;
}
