// What is known of attempts while it can't be written down: only what is wrong with a row itself is a reason to let go of it.
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import pg from "pg";

import { partitionSuffix } from "../../src/database/partitions.ts";
import { DAY } from "../../src/kernel/duration.ts";
import { createLog } from "../../src/kernel/log.ts";
import { caller, until, type Call } from "../helpers/api.ts";
import { createTestDatabase, type TestDatabase } from "../helpers/database.ts";
import { startInbox, type Inbox } from "../helpers/inbox.ts";
import { startTestService, type TestService } from "../helpers/service.ts";

const TYPE = "message.created";
const WORKER = `worker_${process.pid}`;

let database: TestDatabase;
let sql: pg.Client;
let api: TestService;
let worker: TestService;
let post: Call;
let inbox: Inbox;
let failed: number; // writes so far that did not go through

// The worker is a role of its own, so that rights can be taken from it.
beforeEach(async () => {
  database = await createTestDatabase();
  sql = new pg.Client({ connectionString: database.url });
  await sql.connect();
  await sql.query(`create role ${WORKER} login`);
  await sql.query(`grant usage on schema posthorn to ${WORKER}`);
  await sql.query(
    `grant select, insert, update, delete on all tables in schema posthorn to ${WORKER}`,
  );
  const url = new URL(database.url);
  url.searchParams.set("user", WORKER);
  failed = 0;
  const log = createLog("debug", {
    write: (line) => void (failed += line.includes("can't be written down now") ? 1 : 0),
  });
  api = await startTestService({ DATABASE_URL: database.url }, { role: "api" });
  worker = await startTestService({ DATABASE_URL: url.href }, { role: "worker", log });
  post = caller(api);
  inbox = await startInbox();
});
afterEach(async () => {
  await worker.stop();
  await api.stop();
  await inbox.close();
  await sql.query(`drop owned by ${WORKER}`);
  await sql.query(`drop role ${WORKER}`);
  await sql.end();
  await database.drop();
});

const subscribe = (settings: object = {}) =>
  post("webhooks.subscribe", { url: inbox.url, ...settings }).expect(200);
const publish = () => post("events.publish", { type: TYPE, payload: 1 }).expect(200);
const pending = async () => (await sql.query("select from posthorn.deliveries")).rowCount;
const failures = (count: number) =>
  until(
    () => Promise.resolve(failed),
    (now) => now >= count,
  );

const FINISHED = "posthorn.finished_deliveries";
const spanOf = async (day: string): Promise<string> =>
  (
    await sql.query(
      "select pg_get_expr(relpartbound, oid) as bound from pg_class where oid = $1::regclass",
      [`${FINISHED}${day}`],
    )
  ).rows[0].bound;

// What the database answers, whatever it does so for, and how it stops to.
function refused(how: string): [string[], string[]] {
  return [
    [
      `create function public.refuse() returns trigger language plpgsql as $$ begin raise exception ${how}; end $$`,
      `create trigger refuse before insert on ${FINISHED} for each row execute function public.refuse()`,
    ],
    [`drop trigger refuse on ${FINISHED}`],
  ];
}

// No partition for what is written down today, nor from midnight on.
const detached = (table: string): [string[], string[]] => [
  [`alter table ${table} detach partition ${table}{day}`],
  [`alter table ${table} attach partition ${table}{day} {span}`],
];

// What is in the way of a write and is no row's fault, and how it goes away. What a name names is put in its place.
const OBSTACLES: Record<string, [string[], string[]]> = {
  "a full disk": refused("using errcode = 'disk_full'"),
  "a lock that is waited for too long": refused("using errcode = 'lock_not_available'"),
  "somebody's trigger": refused("'not today'"),
  "a right that is missing": [
    [`revoke insert on ${FINISHED} from ${WORKER}`],
    [`grant insert on ${FINISHED} to ${WORKER}`],
  ],
  "a partition that is missing": detached(FINISHED),
  "the attempts' partition that is missing": detached("posthorn.attempts"),
  "a column that a newer schema names otherwise": [
    [`alter table ${FINISHED} rename finished_at to ended_at`],
    [`alter table ${FINISHED} rename ended_at to finished_at`],
  ],
};

describe("what is delivered but can't be written down yet is not sent again, though its lease runs out meanwhile", () => {
  test.each(Object.entries(OBSTACLES))("because of %s", async (_, [appears, goes]) => {
    const days = new Map<string, string>();
    for (const ms of [0, DAY]) {
      const day = partitionSuffix(new Date(Date.now() + ms));
      days.set(day, await spanOf(day));
    }
    const run = async (statements: string[]) => {
      for (const statement of statements)
        if (!statement.includes("{day}")) await sql.query(statement);
        else
          for (const [day, span] of days)
            await sql.query(statement.replaceAll("{day}", day).replace("{span}", span));
    };
    let answer = () => {};
    const inTheWay = new Promise<void>((resolve) => (answer = resolve));
    inbox.reply = () => ({ until: inTheWay });
    await subscribe();
    await publish();
    await inbox.arrived(1);
    await run(appears);
    answer();
    await failures(2);
    await sql.query("update posthorn.deliveries set locked_until = now() - interval '1 second'");
    await failures(failed + 2); // time enough for a claim
    await run(goes);
    await until(pending, (count) => count === 0);
    const { rows } = await sql.query(
      "select f.status, a.number from posthorn.finished_deliveries as f join posthorn.attempts as a on a.delivery_id = f.id",
    );
    expect(rows).toEqual([{ status: "delivered", number: 1 }]);
    expect(inbox.requests).toHaveLength(1);
  });
});

test("what can't be written down by itself keeps nothing else waiting, and all of it is there in the end", async () => {
  let open = () => {};
  const all = new Promise<void>((resolve) => (open = resolve)); // so that they are settled as one batch
  inbox.reply = ({ path }) => ({ until: all, body: path.endsWith("/11") ? "refuse" : "fine" });
  for (let n = 0; n < 20; n++) await subscribe({ url: `${inbox.url}/${n}` });
  await publish();
  await inbox.arrived(20);
  await sql.query(
    `create function public.refuse() returns trigger language plpgsql as $$
     begin
       if new.response_body = 'refuse' then raise exception 'not this one'; end if;
       return new;
     end $$`,
  );
  await sql.query(
    "create trigger refuse before insert on posthorn.attempts for each row execute function public.refuse()",
  );
  open();
  await until(pending, (count) => count === 1);
  await failures(failed + 2);
  expect(await pending()).toBe(1);
  await sql.query("drop trigger refuse on posthorn.attempts");
  await until(pending, (count) => count === 0);
  expect((await sql.query("select from posthorn.attempts")).rowCount).toBe(20);
  expect(inbox.requests).toHaveLength(20);
});
