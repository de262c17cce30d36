// What keeping statistics costs the engine, with and without side by side; and what reading them takes.
import { setTimeout as sleep } from "node:timers/promises";

import { Client } from "undici";

import { startService, WITHOUT_STATS } from "../children.ts";
import { nowMs } from "../clock.ts";
import { cpuUs } from "../cpu.ts";
import { runPublisher, warmUp } from "../load.ts";
import { percentiles } from "../report.ts";
import { runOurs } from "../runs.ts";
import { headersOf } from "../service.ts";
import { clear, WIDE, type Group, type Scene } from "../stage.ts";

const WINDOW_S = 60; // one delivery of each of 10,000 webhooks
const FOLDED_S = 4; // after the last delivery
const CALLS = 50;
const READ_MS_MAX = 50;
const SLOWER_MAX = 1.02;

type Cost = { cpuUs: number; databaseCpuUs: number; walBytes: number };

const WAYS = [
  { way: "with", execArgv: [] },
  { way: "without", execArgv: WITHOUT_STATS },
];

export const stats: Group = {
  title: "Statistics",
  about:
    "A worker as it is beside one whose settle and fold leave statistics out, in turn: with a backlog for 100 webhooks, " +
    "and with one delivery a minute to each of 10,000, published in SQL meanwhile (its cost is in the database's). Then " +
    `calls of stats.* beside the history: ${CALLS} each, to an API of its own.`,
  rounds: 5,
  async run(scene) {
    const { note, round } = scene;
    const ways = round % 2 ? [...WAYS].reverse() : WAYS;
    const perSecond = new Map<string, number>();
    const busyUs = new Map<string, number>();
    const idleUs = new Map<string, number>();
    for (const { way, execArgv } of ways) {
      await clear(scene);
      await scene.database.sql.query("checkpoint");
      const [, rate] = await runOurs(scene, execArgv);
      perSecond.set(way, rate.perSecond);
      busyUs.set(way, rate.cpuUs + rate.databaseCpuUs);
      note(`a backlog, ${way}`, rate.perSecond, "/s");
      note(`a backlog, ${way}: CPU of worker and database, a delivery`, busyUs.get(way) ?? 0, "µs");
    }
    for (const { way, execArgv } of ways) {
      await clear(scene);
      const cost = await deliverEachMinute(scene, execArgv);
      idleUs.set(way, cost.cpuUs + cost.databaseCpuUs);
      note(`10,000 webhooks, ${way}: CPU of the worker, a delivery`, cost.cpuUs, "µs");
      note(`10,000 webhooks, ${way}: CPU of the database, a delivery`, cost.databaseCpuUs, "µs");
      note(`10,000 webhooks, ${way}: WAL, a delivery`, cost.walBytes, "bytes");
    }
    const ratio = (of: Map<string, number>) => (of.get("with") ?? 0) / (of.get("without") ?? 0);
    note("a backlog: deliveries a second, with to without", ratio(perSecond), "×", {
      atLeast: 2 - SLOWER_MAX,
    });
    note("a backlog: CPU, with to without", ratio(busyUs), "×", { atMost: SLOWER_MAX });
    note("10,000 webhooks: CPU, with to without", ratio(idleUs), "×", { atMost: SLOWER_MAX });
    if (round === 0) await read(scene);
  },
};

async function deliverEachMinute(scene: Scene, execArgv: string[]): Promise<Cost> {
  const { database, receiver, env, seconds } = scene;
  const channels = WIDE.channels.slice(0, scene.isQuick ? 1_000 : undefined);
  const perSecond = channels.length / 60;
  const load = { door: "sql" as const, url: database.url, tenant: WIDE.tenant, channels };
  const worker = await startService("worker", env, execArgv);
  await warmUp(scene, { ...load, seconds: WINDOW_S, perSecond });
  await database.sql.query("checkpoint"); // each begins with as many whole pages to write
  await receiver.reset();
  const before = await costs(scene, worker.pid);
  await runPublisher({ ...load, seconds: seconds(WINDOW_S), load: { perSecond } });
  await sleep(seconds(FOLDED_S) * 1_000);
  const after = await costs(scene, worker.pid);
  const { unique } = await receiver.count();
  await worker.stop();
  return {
    cpuUs: (after.cpuUs - before.cpuUs) / unique,
    databaseCpuUs: (after.databaseCpuUs - before.databaseCpuUs) / unique,
    walBytes: (after.walBytes - before.walBytes) / unique,
  };
}

async function costs({ database }: Scene, pid: number): Promise<Cost> {
  const { rows } = await database.sql.query<{ bytes: string }>(
    "select pg_current_wal_insert_lsn() - '0/0' as bytes",
  );
  const walBytes = Number(rows[0]?.bytes);
  return { cpuUs: cpuUs(pid), databaseCpuUs: database.cpuUs(), walBytes };
}

// Of each webhook of the wide tenant something ended every ten minutes of a day, and every hour of the history's days.
const FILL = [
  ["minutes", "interval '10 minutes'", "date_trunc('minute', now()) - interval '1 day'"],
  ["hours", "interval '1 hour'", "date_trunc('day', now()) - interval '6 days'"],
].map(
  ([table, step, since]) => `
  with ended as materialized (
    select webhook_id, at from posthorn.webhooks cross join generate_series(${since}, now(), ${step}) as at
    where tenant = '${WIDE.tenant}'
  )
  insert into posthorn.stats_${table} (tenant, webhook_id, at, attempts, delivered, dead, retried, latencies)
  select '${WIDE.tenant}', webhook_id, at, 3, 2, 0, 1, array[64 + 8, 64 + 9, 64 + 12, 2 * 64 + 36] from ended
  union all
  select '${WIDE.tenant}', 0, at, 3 * count(*), 2 * count(*), 0, count(*),
    array[64 * count(*) + 8, 64 * count(*) + 9, 64 * count(*) + 12, 128 * count(*) + 36]
  from ended group by at
  on conflict do nothing`,
);

async function read(scene: Scene): Promise<void> {
  const { database, env, note } = scene;
  for (const fill of FILL) await database.sql.query(fill);
  await database.sql.query("vacuum analyze posthorn.stats_minutes, posthorn.stats_hours");
  const { rows } = await database.sql.query<{ id: string }>(
    `select id from posthorn.webhooks where tenant = '${WIDE.tenant}' order by random() limit 200`,
  );
  const ids = rows.map(({ id }) => id);
  const [id] = ids;
  const ago = (hours: number) => new Date(Date.now() - hours * 3_600_000).toISOString();
  const api = await startService("api", env);
  const http = new Client(api.url);
  for (const [name, operation, input] of [
    ["stats.overview", "stats.overview", {}],
    ["stats.overview, six days by the hour", "stats.overview", { since: ago(6 * 24 - 2) }],
    ["stats.webhook", "stats.webhook", { id }],
    ["stats.webhook, five hours by the minute", "stats.webhook", { id, since: ago(4.9) }],
    ["stats.webhooks, 200", "stats.webhooks", { ids }],
    ["stats.webhooks, 30", "stats.webhooks", { ids: ids.slice(0, 30), since: ago(12) }],
  ] as const) {
    const ms: number[] = [];
    let bytes = 0;
    for (let call = 0; call < CALLS; call++) {
      const startedAt = nowMs();
      const answer = await http.request({
        method: "POST",
        path: `/${operation}`,
        headers: headersOf(WIDE.tenant),
        body: JSON.stringify(input),
      });
      const text = await answer.body.text();
      if (answer.statusCode !== 200) throw new Error(text);
      ms.push(nowMs() - startedAt);
      bytes = text.length;
    }
    note(`${name}, p50`, percentiles(ms).p50, "ms", { atMost: READ_MS_MAX });
    note(`${name}: its answer`, bytes / 1024, "KiB");
  }
  await http.close();
  await api.stop();
}
