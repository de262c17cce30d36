// What a change of a webhook costs that has a large backlog, and what runs each second beside one.
import pg from "pg";

import { startService } from "../children.ts";
import { openWorker, timeClaims } from "../claims.ts";
import { nowMs } from "../clock.ts";
import { median } from "../report.ts";
import { headersOf, payloadOf, publish, settings, subscribe } from "../service.ts";
import type { Group, Scene } from "../stage.ts";
import { park, unpark } from "../../src/queue/hold.ts";
import { advanceSome, FIRST_LANE } from "../../src/queue/lanes.ts";
import { createRequeue } from "../../src/queue/requeue.ts";
import { stageDue } from "../../src/queue/sweep.ts";

const CHANGED = 200_000; // pending, when the order is given and when it is unsubscribed
const QUEUED = 500_000;
const LANES = 1_000;
const OTHERS = 100; // webhooks that the claims are made of
const TIMES = 50;
const ANSWER_MS_MAX = 1_000;
const EACH_SECOND_MS_MAX = 50;

const READY = `
  insert into posthorn.deliveries (state, payload_bytes, id, event_id, webhook_id, due_at, created_at, tenant, cause)
  select 0, 1024, posthorn.uuid_v7(clock_timestamp(), 0), gen_random_uuid(), webhook_id, now(), now(), tenant, 'publish'
  from posthorn.webhooks where tenant = 'others'`;

export const backlog: Group = {
  title: "A backlog, and a change",
  about:
    `One webhook has ${CHANGED.toLocaleString("en")} deliveries pending when it is given the order \`channel\`, ` +
    `${QUEUED.toLocaleString("en")} in ${LANES.toLocaleString("en")} lanes beside what runs each second, and is unsubscribed with as ` +
    "many. Claims are of 100 other webhooks, as a worker makes them, while the rows follow the change.",
  rounds: 1,
  async run(scene) {
    const url = await scene.database.fresh("backlog");
    const sql = new pg.Client({ connectionString: url });
    await sql.connect();
    try {
      await measure(scene, url, sql);
    } finally {
      await sql.end();
      await scene.database.drop("backlog");
    }
  },
};

async function measure({ receiver, note, count }: Scene, url: string, sql: pg.Client) {
  const others = Array.from({ length: OTHERS }, (_, n) => ({ url: `${receiver.url}/o${n}` }));
  await subscribe(url, "others", others);
  await subscribe(url, "backlog", [{ url: `${receiver.url}/backlog` }]);
  await sql.query(READY);
  const channels = Array.from({ length: LANES }, (_, n) => String(n));
  const pile = (rows: number) =>
    publish(url, "backlog", { count: count(rows), channels, payload: payloadOf(100) });
  await pile(CHANGED);
  const api = await startService("api", settings(url));
  const { rows } = await sql.query<{ id: string; webhook_id: string }>(
    "select id, webhook_id from posthorn.webhooks where tenant = 'backlog'",
  );
  const [{ id, webhook_id } = { id: "", webhook_id: "" }] = rows;
  const full = [Number(webhook_id)]; // what is claimed is of the others
  const call = async (operation: string, input: object) => {
    const startedAt = nowMs();
    const answer = await fetch(`${api.url}/${operation}`, {
      method: "POST",
      headers: headersOf("backlog"),
      body: JSON.stringify(input),
    });
    if (!answer.ok) throw new Error(await answer.text());
    return nowMs() - startedAt;
  };
  const worker = openWorker(url);
  const requeue = createRequeue(worker.pool);
  const follow = async () => {
    const startedAt = nowMs();
    while ((await requeue()) > 0);
    return (nowMs() - startedAt) / 1_000;
  };

  note("a claim of 50 before", (await timeClaims(url, full)).p50, "ms");
  const ordered = await call("webhooks.update", { id, order: "channel" });
  note("giving an order", ordered, "ms", { atMost: ANSWER_MS_MAX });
  const [took, claims] = await Promise.all([follow(), timeClaims(url, full)]);
  note("the rows have followed after", took, "s");
  note("a claim of 50 meanwhile: p50", claims.p50, "ms");
  note("a claim of 50 meanwhile: p99", claims.p99, "ms");

  await pile(QUEUED - CHANGED);
  const eachSecond = {
    "the stager": () => stageDue(worker.pool),
    "parking and releasing": async () => {
      await park(worker.pool);
      await unpark(worker.pool);
    },
    "lanes going on": () => advanceSome(worker.pool, FIRST_LANE),
    "rows requeued": requeue,
  };
  for (const [name, run] of Object.entries(eachSecond)) {
    const ms: number[] = [];
    for (let n = 0; n < TIMES; n++) {
      const startedAt = nowMs();
      await run();
      ms.push(nowMs() - startedAt);
    }
    note(`each second: ${name}`, median(ms), "ms", { atMost: EACH_SECOND_MS_MAX });
  }

  const unsubscribed = await call("webhooks.unsubscribe", { id });
  note("unsubscribing", unsubscribed, "ms", { atMost: ANSWER_MS_MAX });
  note("all are cancelled after", await follow(), "s");
  await worker.close();
  await api.stop();
}
