// Whether what is read takes longer beside more history: the same questions of two databases, in turn.
import pg from "pg";

import { startService, type Service } from "../children.ts";
import { fillHistory } from "../history.ts";
import { settings, subscribe } from "../service.ts";
import { WIDE, type Group, type Scene } from "../stage.ts";
import { makeRare, medianMs, ofEvents, ofWebhooks, questions, type Question } from "./reads.ts";

const FEW = 100_000;
const DAYS = 12; // in which the whole history lies
const SLOWER_MAX = 2;

// What an index leads to. A search through blocks ends at its time with a short page, so that its own says nothing.
const ASKED = [
  "deliveries.list",
  "deliveries.list, oldest first",
  "deliveries.list, 5 dead",
  "deliveries.list, dead of a webhook",
  "deliveries.list, a reason, 5",
  "deliveries.info",
  "events.list",
  "events.info",
  "events.why_not, 9,999 webhooks",
  "webhooks.list",
  "webhooks.list, trouble first",
  "webhooks.list, 200 with counts",
  "find, an event's id",
  "find, a delivery's id",
];

// Of each webhook and of the tenant, as the fold would have them.
const HOURS = `
  insert into posthorn.stats_hours (tenant, webhook_id, at, attempts, delivered, dead, retried, latencies)
  select tenant, coalesce(webhook_id, 0), date_trunc('hour', last_at), count(*), count(*), 0, 0, array[64 * count(*)::integer + 8]
  from posthorn.finished_deliveries where tenant = $1
  group by grouping sets ((tenant, webhook_id, date_trunc('hour', last_at)), (tenant, date_trunc('hour', last_at)))
  on conflict do nothing`;

export const grown: Group = {
  title: "Questions beside more history",
  about:
    `Lists and statistics over HTTP, each asked of a database with ${FEW.toLocaleString("en")} finished deliveries and then of the bench's own, ` +
    "whose number stands in the first row (`--history 10000000` makes it ten million): medians, and the one to the other. Both have 10,000 webhooks of one tenant.",
  rounds: 1,
  async run(scene) {
    const few = await makeFew(scene);
    try {
      const [ofFew, ofMany] = [await prepare(scene, few), await prepare(scene, scene.database)];
      scene.note("finished deliveries", ofMany.finished, "");
      for (const [n, question] of ofMany.questions.entries()) {
        const before = await medianMs(ofFew.api, ofFew.questions[n] ?? question);
        const ms = await medianMs(ofMany.api, question);
        scene.note(question.name, ms, "ms");
        scene.note(`${question.name}: to ${FEW.toLocaleString("en")}`, ms / before, "×", {
          atMost: SLOWER_MAX,
        });
      }
      for (const { api } of [ofFew, ofMany]) await api.stop();
    } finally {
      await few.sql.end();
      await scene.database.drop("few");
    }
  },
};

type Filled = { url: string; sql: pg.Client };

async function makeFew({ database, receiver, count }: Scene): Promise<Filled> {
  const url = await database.fresh("few");
  await subscribe(
    url,
    WIDE.tenant,
    WIDE.channels.slice(0, count(WIDE.channels.length)).map((channel) => ({
      url: `${receiver.url}/${channel}`,
      channels: [channel],
    })),
  );
  const sql = new pg.Client({ connectionString: url });
  await sql.connect();
  await fillHistory(sql, count(FEW));
  return { url, sql };
}

async function prepare(scene: Scene, { url, sql }: Filled) {
  const found = await makeRare({ ...scene, database: { ...scene.database, url, sql } });
  await sql.query(HOURS, [WIDE.tenant]);
  await sql.query("vacuum analyze posthorn.stats_hours");
  const { rows } = await sql.query<{ finished: number; ids: string[] }>(
    `select (select count(*)::integer from posthorn.finished_deliveries) as finished,
       array(select id::text from posthorn.webhooks where tenant = $1 order by webhook_id limit 30) as ids`,
    [WIDE.tenant],
  );
  const { finished = 0, ids = [] } = rows[0] ?? {};
  const api: Service = await startService("api", settings(url));
  const lists = [questions, ofEvents, ofWebhooks].flatMap((each) => each(found));
  return {
    api,
    finished,
    questions: [...lists.filter(({ name }) => ASKED.includes(name)), ...ofStats(ids)],
  };
}

function ofStats(ids: readonly string[]): Question[] {
  const since = new Date(Date.now() - DAYS * 86_400_000).toISOString();
  return [
    { name: "stats.overview, by the hour", operation: "stats.overview", input: { since } },
    {
      name: "stats.webhook, by the hour",
      operation: "stats.webhook",
      input: { since, id: ids[0] },
    },
    { name: "stats.webhooks, 30", operation: "stats.webhooks", input: { since, ids } },
  ].map((each) => ({ ...each, atMost: Infinity }));
}
