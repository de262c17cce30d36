// How a worker without work rests, and who wakes it.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "@jest/globals";
import pg from "pg";

import { createRest } from "../../src/delivery/rest.ts";
import type { RollCall } from "../../src/delivery/roll-call.ts";
import { caller, until, type Call } from "../helpers/api.ts";
import { startInbox, type Inbox } from "../helpers/inbox.ts";
import { startTestService, type TestService } from "../helpers/service.ts";

describe("a worker without work", () => {
  let nowMs: number;
  let isSeen: boolean;
  let isKnown: boolean;
  let said: string[];
  const roll = {
    isSeen: () => isSeen,
    rest: () => Promise.resolve(said.push("rests") > 0 && isSeen),
    isKnownToAll: () => Promise.resolve(isKnown),
    stir: () => void said.push("stirs"),
  } as unknown as RollCall;
  const begin = (of: RollCall | null = roll) => createRest(of, () => nowMs);
  beforeEach(() => {
    [nowMs, isSeen, isKnown, said] = [0, true, true, []];
  });

  test("looks each 10 ms for a second, then says that it rests, looks once more, and then once a second", async () => {
    const rest = begin();
    nowMs = 999;
    expect(await rest.pauseMs()).toBe(10);
    nowMs = 1_000;
    expect(await rest.pauseMs()).toBe(0);
    expect(await rest.pauseMs()).toBe(1_000);
    expect(said).toEqual(["rests"]);
  });

  test("looks five times a second while a transaction is open that may not know that it rests", async () => {
    const rest = begin();
    [nowMs, isKnown] = [1_000, false];
    expect([await rest.pauseMs(), await rest.pauseMs()]).toEqual([0, 200]);
    isKnown = true;
    expect(await rest.pauseMs()).toBe(1_000);
  });

  test("says that it rests no more when it is stirred, once", async () => {
    const rest = begin();
    nowMs = 1_000;
    await rest.pauseMs();
    rest.stir();
    rest.stir();
    expect(said).toEqual(["rests", "stirs"]);
    expect(await rest.pauseMs()).toBe(10);
  });

  test("looks five times a second where nobody can tell it, and says so anew in its next session", async () => {
    const rest = begin();
    nowMs = 1_000;
    await rest.pauseMs();
    isSeen = false;
    expect(await rest.pauseMs()).toBe(200);
    isSeen = true;
    expect([await rest.pauseMs(), await rest.pauseMs()]).toEqual([0, 1_000]);
    expect(await begin(null).pauseMs()).toBe(10);
    const alone = begin(null);
    nowMs += 1_000;
    expect(await alone.pauseMs()).toBe(200);
  });
});

describe("a lone event", () => {
  let api: TestService;
  let worker: TestService;
  let inbox: Inbox;
  let post: Call;
  let sql: pg.Client;
  let notices: number;

  beforeAll(async () => {
    api = await startTestService({}, { role: "api" });
    worker = await startTestService({ DATABASE_URL: api.databaseUrl }, { role: "worker" });
    inbox = await startInbox();
    post = caller(api);
    await post("webhooks.subscribe", { url: inbox.url }).expect(200);
    sql = new pg.Client({ connectionString: api.databaseUrl });
    await sql.connect();
    await sql.query(
      `create table public.said (rests boolean);
       create function public.hear() returns trigger language plpgsql as $$
       begin insert into public.said values (new.rests); return new; end $$;
       create trigger hear after update on posthorn.workers for each row execute function public.hear()`,
    );
    sql.on("notification", () => (notices += 1));
    await sql.query("listen posthorn");
  });
  afterAll(async () => {
    await sql.end();
    await worker.stop();
    await api.stop();
    await inbox.close();
  });
  beforeEach(async () => {
    notices = 0;
    await resting();
    await sql.query("truncate public.said");
  });
  afterEach(() => sql.query("update posthorn.settings set value = 'auto' where name = 'notify'"));

  const resting = () =>
    until(
      async () => (await sql.query("select rests from posthorn.workers")).rows[0]?.rests,
      (rests) => rests === true,
    );
  const saidThatItRestsNoMore = () =>
    until(
      async () => (await sql.query("select from public.said where not rests")).rowCount,
      (count) => count !== 0,
    );
  const bySql = () => sql.query("select posthorn.publish('message.created', '1')");
  const overHttp = () =>
    post("events.publish", { type: "message.created", payload: 1 }).expect(200);

  test.each([
    ["published by SQL", bySql],
    ["published over HTTP to a process without a loop", overHttp],
  ])("%s wakes the worker that rests, which says that it rests no more", async (_, publish) => {
    const before = inbox.requests.length;
    await publish();
    await inbox.arrived(before + 1);
    await saidThatItRestsNoMore();
    await until(
      () => sql.query("select").then(() => notices),
      (count) => count === 1,
    );
    // Awake, it looks by itself; on a busy machine it may rest again before the next is published.
    const noticesOfAnother = async () => {
      const [told, sent] = [notices, inbox.requests.length];
      await publish();
      await inbox.arrived(sent + 1);
      await sql.query("select");
      return notices - told;
    };
    await until(noticesOfAnother, (count) => count === 0);
  });

  test("notifies nobody where POSTHORN_NOTIFY is off, and is found by the worker's next look", async () => {
    await sql.query("update posthorn.settings set value = 'off' where name = 'notify'");
    const before = inbox.requests.length;
    await bySql();
    await inbox.arrived(before + 1);
    expect(notices).toBe(0);
  });

  test("notifies nobody of a worker that was killed while it rested", async () => {
    await sql.query("update posthorn.workers set rests = false");
    await sql.query(
      `insert into posthorn.workers (worker, rests, pid, session, backend_start, server_start)
       values (1, true, 2147483647, gen_random_uuid(), now(), pg_postmaster_start_time())`,
    );
    await bySql();
    await sql.query("select");
    expect(notices).toBe(0);
    await sql.query("delete from posthorn.workers where worker = 1");
  });

  test("that matches no webhook wakes nobody", async () => {
    await sql.query("select posthorn.publish('message.created', '1', tenant => 'nobody')");
    await sql.query("select");
    expect(notices).toBe(0);
  });
});
