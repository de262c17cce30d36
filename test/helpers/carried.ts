// A service under load whose database is copied meanwhile, and what the copy owes: nothing twice, and all that was pending.
import { expect } from "@jest/globals";

import { caller, until } from "./api.ts";
import { query } from "./embedded.ts";
import { startInbox, type Delivered, type Inbox } from "./inbox.ts";
import { scrape, valueOf } from "./metrics.ts";
import { SECRETS_KEY, startTestService, type TestService } from "./service.ts";
import { typed } from "./terminal.ts";

const LOOKS = "posthorn_claim_duration_seconds_count"; // for what is due

export type Busy = {
  source: TestService;
  inbox: Inbox;
  /** A webhook that is paused: what it has is pending. */
  paused: string;
  /** Ends the publishing, and the service. */
  stop(): Promise<void>;
};

/** Starts a service that delivers while events are published; it has done some of it already. */
export async function startBusy(settings: Record<string, string> = {}): Promise<Busy> {
  const inbox = await startInbox();
  const source = await startTestService(settings);
  const post = caller(source);
  const subscribe = async (path: string, more = {}): Promise<string> =>
    (await post("webhooks.subscribe", { url: inbox.url + path, ...more }).expect(200)).body.id;
  await subscribe("/busy", { headers: { "X-Secret": "kept" } });
  const paused = await subscribe("/paused", { paused: true });
  let isPublishing = true;
  const publisher = async () => {
    const event = { type: "message.created", payload: { text: 'a "tab"\t\\ ünd' } };
    while (isPublishing) await post("events.publish", event);
  };
  const publishers = Promise.all([publisher(), publisher()]);
  await inbox.arrived(20);
  return {
    source,
    inbox,
    paused,
    async stop() {
      isPublishing = false;
      await publishers;
      await source.stop();
    },
  };
}

/** Expects of a copy that it is whole, sends nothing before it is adopted, and then all that was pending in it, and nothing else. */
export async function expectToGoOn(url: string, { inbox, paused }: Busy): Promise<void> {
  const settled = await deliveriesIn(url, "posthorn.finished_deliveries");
  const pending = await deliveriesIn(url, "posthorn.deliveries");
  expect(settled.length).toBeGreaterThanOrEqual(1);
  expect(pending.length).toBeGreaterThanOrEqual(20);
  const [torn] = await query(
    url,
    `select count(*)::int as events from posthorn.events as e where 2 <> (
       select count(*) from posthorn.all_deliveries as d where d.event_id = e.id)`,
  );
  expect(torn).toEqual({ events: 0 });

  inbox.requests.splice(0);
  const target = await startTestService({ DATABASE_URL: url });
  const post = caller(target);
  try {
    await post("webhooks.update", { id: paused, paused: false }).expect(200);
    await until(
      async () => valueOf(await scrape(target, target.adminKey), LOOKS) ?? 0,
      (looks) => looks >= 3,
    );
    expect((await post("session.info").expect(200)).body.sending_held).not.toBeNull();
    expect(inbox.requests).toEqual([]);
    const env = { DATABASE_URL: url, POSTHORN_SECRETS_KEY: SECRETS_KEY };
    expect(await typed(["resume-all", "--adopt"], { env })).toMatchObject({ code: 0 });
    await until(
      () => query(url, "select from posthorn.deliveries"),
      (rows) => rows.length === 0,
    );
    const sent = inbox.requests.map(deliveryOf);
    expect(sent.toSorted()).toEqual(pending.toSorted());
    expect(sent.filter((id) => settled.includes(id))).toEqual([]);
    for (const { headers, path } of inbox.requests)
      if (path.endsWith("/busy")) expect(headers["x-secret"]).toBe("kept"); // sealed there, and opened here
    expect(inbox.requests[0]?.body).toContain(JSON.stringify('a "tab"\t\\ ünd'));
  } finally {
    await target.stop();
  }
}

/** An event and the webhook that it goes to. */
const deliveryOf = ({ headers, path }: Delivered) => `${String(headers["webhook-id"])} ${path}`;

const deliveriesIn = async (url: string, table: string) =>
  (
    await query(
      url,
      `select 'evt_' || replace(d.event_id::text, '-', '') || ' ' || substring(w.url from '/hook.*') as id
       from ${table} as d join posthorn.webhooks as w using (webhook_id)`,
    )
  ).map(({ id }) => String(id));
