// What is read beside a million finished deliveries, of which few are what is asked for: each question's median.
import { request } from "undici";

import { startService, type Service } from "../children.ts";
import { nowMs } from "../clock.ts";
import { headersOf } from "../service.ts";
import { WIDE, type Group, type Scene } from "../stage.ts";
import { noteReaders } from "./readers.ts";

const TIMES = 30;
const QUESTION_MS_MAX = 20_000; // a search through ten million rows takes seconds: fewer times will do
const LIST_MS_MAX = 50;
const INFO_MS_MAX = 30;
const COUNT_MS_MAX = 500;

export type Question = { name: string; operation: string; input: object; atMost: number };
export type Found = { webhook_id: string; delivery_id: string; event_id: string; since: string };

/** What is asked, of a webhook and a delivery that are there. */
export const questions = ({ webhook_id, delivery_id }: Found): Question[] => [
  list("deliveries.list", {}),
  list("deliveries.list, oldest first", { oldest_first: true }),
  list("deliveries.list, 5 dead", { status: "dead" }),
  list("deliveries.list, dead or cancelled, 10", { status: ["dead", "cancelled"] }),
  list("deliveries.list, dead of a webhook", { status: "dead", webhook_id }),
  list("deliveries.list, a reason, 5", { reason: "status" }),
  list("deliveries.list, a reason, none", { reason: "tls" }),
  list("deliveries.list, answered 404, 5", { response_status: "404" }),
  list("deliveries.list, answered 5xx, none", { response_status: "5xx" }),
  list("deliveries.list, answered 204, none", { response_status: "204" }),
  list("deliveries.list, replayed, 5", { cause: "replay" }),
  list("deliveries.list, a type, 5", { type: "message.read" }),
  list("deliveries.list, a channel, 5", { channel: "rare" }),
  list("deliveries.list, a type and a status", { type: "message.created", status: "dead" }),
  list("deliveries.list, a number of a webhook, none", { sequence: 7, webhook_id }),
  {
    name: "deliveries.info",
    operation: "deliveries.info",
    input: { id: delivery_id },
    atMost: INFO_MS_MAX,
  },
  {
    name: "webhooks.retry_dead, dry run",
    operation: "webhooks.retry_dead",
    input: { id: webhook_id, dry_run: true },
    atMost: COUNT_MS_MAX,
  },
];

export const ofEvents = ({ webhook_id, event_id, since }: Found): Question[] => [
  list("events.list", {}),
  list("events.list, a type, 5", { type: "message.read" }),
  list("events.list, a channel, 5", { channel: "rare" }),
  list("events.list, a key, none", { idempotency_key: "none" }),
  list("events.list, taken in by none, none", { matched_none: true }),
  list("events.list, text of a day", { payload_contains: "rare", since, until: dayAfter(since) }),
  { name: "events.info", operation: "events.info", input: { id: event_id }, atMost: INFO_MS_MAX },
  list("events.why_not, 9,999 webhooks", { id: event_id }),
  list("webhooks.history", { id: webhook_id }),
  list("events.reconcile, an hour", {
    webhook_id,
    since: hourBefore(dayAfter(since)),
    received: [],
  }),
];

export const ofWebhooks = ({ webhook_id, delivery_id, event_id }: Found): Question[] => [
  list("webhooks.list", {}),
  list("webhooks.list, trouble first", { sort: "trouble" }),
  list("webhooks.list, 200 with counts", { page_size: 200, with_counts: true }),
  list("webhooks.list, a text, none", { q: "nothing like it" }),
  list("find, an event's id", { q: event_id }),
  list("find, a delivery's id", { q: delivery_id }),
  list("find, a webhook's id", { q: webhook_id }),
  list("find, nothing", { q: "nothing like it" }),
  list("session.info", {}),
];

const dayAfter = (time: string) => new Date(Date.parse(time) + 86_400_000).toISOString();
const hourBefore = (time: string) => new Date(Date.parse(time) - 3_600_000).toISOString();

function list(name: string, input: object): Question {
  const [operation = ""] = name.split(",");
  return { name, operation, input, atMost: LIST_MS_MAX };
}

export const reads: Group = {
  title: "Questions",
  about:
    "Each is asked over HTTP, one after the other, beside 1,000,000 finished deliveries and 10,000 webhooks of one tenant; the number in " +
    "its name is how many there are of it. Where a page comes short in its time, the time is that of all pages until the search is through; but for text in payloads, where it is one page's. " +
    "At last ten readers ask these questions in turn, five times a second each and each at a time of its own, of an api beside a worker that delivers 200 events a second: " +
    "six times with and without them, a few seconds each. The limit is a server that spends as much CPU time on each question as the api and its database do, and does nothing else.",
  rounds: 1,
  async run(scene) {
    const found = await makeRare(scene);
    const api = await startService("api", scene.env);
    const all = [questions, ofEvents, ofWebhooks].flatMap((each) => each(found));
    for (const question of all)
      scene.note(question.name, await medianMs(api, question), "ms", { atMost: question.atMost });
    const [first, ...others] = all.filter(({ operation }) => operation !== "webhooks.retry_dead");
    if (first)
      await noteReaders(scene, api, (n) =>
        ask(api, others[n % others.length] ?? first).then(() => {}),
      );
    await api.stop();
  },
};

async function ask(api: Service, { operation, input }: Question): Promise<string> {
  const answer = await request(`${api.url}/${operation}`, {
    method: "POST",
    headers: headersOf(WIDE.tenant),
    body: JSON.stringify(input),
  });
  const text = await answer.body.text();
  if (answer.statusCode !== 200) throw new Error(`${operation}: ${text}`);
  return text;
}

/**
 * The median time of a question's answers, over HTTP, one after the other. Where a page came short in its time, those that go on from
 * it are part of the answer, but for text in payloads.
 */
export async function medianMs(api: Service, question: Question): Promise<number> {
  const ms: number[] = [];
  const until = nowMs() + QUESTION_MS_MAX;
  for (let n = 0; n <= TIMES && (n <= 1 || nowMs() < until); n++) {
    const startedAt = nowMs();
    let text = await ask(api, question);
    while (text.includes("searched_until") && !("payload_contains" in question.input)) {
      const { pagination_data } = JSON.parse(text) as Page;
      if (pagination_data.next_cursor === null) break;
      const input = { ...question.input, cursor: pagination_data.next_cursor };
      text = await ask(api, { ...question, input });
    }
    if (n > 0) ms.push(nowMs() - startedAt); // the first one plans, and fills caches
  }
  return ms.sort((a, b) => a - b)[Math.floor(ms.length / 2)] ?? Number.NaN;
}

type Page = { pagination_data: { next_cursor: string | null } };

// Five of each kind, of one webhook, in the midst of the history.
export async function makeRare({ database }: Scene): Promise<Found> {
  const { rows } = await database.sql.query<Found>(RARE, [WIDE.tenant]);
  await database.sql.query("vacuum (analyze) posthorn.finished_deliveries, posthorn.events");
  const [found] = rows;
  if (!found) throw new Error("nothing was made to be found");
  return found;
}

const RARE = `
with webhook as (select webhook_id, id from posthorn.webhooks where tenant = $1 limit 1),
made as materialized (
  select posthorn.uuid_v7(clock.at, 3) as event_id, posthorn.uuid_v7(clock.at, 4) as id, clock.at, kind.*
  from generate_series(1, 5) as n
  cross join lateral (
    select date_trunc('day', now(), 'UTC') - interval '5 days' + n * interval '1 hour' as at
  ) as clock
  cross join (
    values ('dead', 'status', 404, 'publish', 'message.created', null),
      ('cancelled', 'unsubscribed', null, 'publish', 'message.created', null),
      ('delivered', null, 200, 'replay', 'message.created', null),
      ('delivered', null, 200, 'publish', 'message.read', null),
      ('delivered', null, 200, 'publish', 'message.created', 'rare')
  ) as kind (status, reason, answer, cause, type, channel)
),
event as (
  insert into posthorn.events (tenant, id, type, channel, "timestamp", created_at, matched, schema_checked)
  select $1, event_id, type, channel, at, at, 1, true from made
),
payload as (insert into posthorn.event_payloads (tenant, id, payload) select $1, event_id, '{"text":"rare"}' from made),
finished as (
  insert into posthorn.finished_deliveries
    (tenant, id, event_id, webhook_id, sequence, created_at, cause, attempts_made, last_at, last_status, last_duration_ms,
     status, reason, finished_at)
  select $1, made.id, event_id, webhook.webhook_id, 1, at, cause, 1, at, answer, 5, status, reason, at from made, webhook
  returning id, status, event_id, created_at
)
select webhook.id as webhook_id, posthorn.public_id('dlv', finished.id) as delivery_id,
  posthorn.public_id('evt', finished.event_id) as event_id,
  to_char(date_trunc('day', created_at, 'UTC') at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') as since
from webhook, finished where finished.status = 'dead' limit 1`;
