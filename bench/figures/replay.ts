// A million events again, behind live ones: how fast they feed in, what live ones feel, and that it can be stopped.
import { setTimeout as sleep } from "node:timers/promises";

import { request } from "undici";

import { startService, type Service } from "../children.ts";
import { nowMs } from "../clock.ts";
import { publishSteadily, warmUp } from "../load.ts";
import { headersOf, subscribe } from "../service.ts";
import { BENCH, WIDE, type Group, type Scene } from "../stage.ts";

const PER_SECOND = 200;
const WINDOW_S = 30;
const DAY_MS = 24 * 60 * 60 * 1_000;
const SINCE_D = 20; // the history's days and some before; not today, where other groups' events are
const MILLION = 1_000_000;
const CANCELLED_MS_MAX = 60_000;

type Replay = { matched: number; queued: number; delivered: number; status: string };

export const replay: Group = {
  title: "A replay beside live traffic",
  about:
    `The whole history, 1,000,000 events, is replayed to one webhook at default settings while ${PER_SECOND} events a ` +
    `second go to 100 others; api and worker apart. It is watched for ${WINDOW_S} s and then cancelled, so the time that ` +
    "a million takes is extrapolated from the rate over that time. Cancelled is when nothing of it is pending any more.",
  rounds: 1,
  async run(scene) {
    const { database, receiver, env, note, seconds, round } = scene;
    const path = `replay${round}`;
    await subscribe(database.url, WIDE.tenant, [{ url: `${receiver.url}/${path}` }]); // all channels, and none
    const [api, worker] = [await startService("api", env), await startService("worker", env)];
    const webhook = await newest(scene);
    const load = { door: "sql" as const, url: database.url, ...BENCH, perSecond: PER_SECOND };
    await warmUp(scene, { ...load, seconds: WINDOW_S });
    const live = () =>
      publishSteadily(scene, { ...load, seconds: WINDOW_S, paths: BENCH.channels });
    const before = await live();

    const since = new Date(Date.now() - SINCE_D * DAY_MS).toISOString();
    const until = new Date(Date.now() - DAY_MS).toISOString();
    const asked = { id: webhook, since, until };
    const { replay_id: id } = await call<{ replay_id: string }>(api, "webhooks.replay", asked);
    const info = () => call<Replay>(api, "replays.info", { id });
    const [first, startedAt] = [await info(), nowMs()];
    const during = await live();
    const last = await info();
    const perSecond = ((last.delivered - first.delivered) / (nowMs() - startedAt)) * 1_000;
    note("events that match, as far as 10 s of counting go", last.matched, "");
    note("delivered of the replay meanwhile", last.delivered, "");
    note("rate of the replay", perSecond, "/s");
    note("a million at that rate", MILLION / perSecond / 60, "min");
    note("live p99 before", before.p99, "ms");
    note("live p99 during", during.p99, "ms");
    note("live p99, during to before", during.p99 / before.p99, "×", { atMost: 2 });
    note("live share", during.share / before.share, "×", { atLeast: 0.9 });

    const cancelledAt = nowMs();
    const { status } = await call<Replay>(api, "replays.cancel", { id });
    while ((await pendingOf(scene)) > 0 && nowMs() - cancelledAt < CANCELLED_MS_MAX)
      await sleep(50);
    note("cancelled within", nowMs() - cancelledAt, "ms");
    const arrived = (await receiver.count()).unique;
    await sleep(seconds(5) * 1_000);
    note("arrived after that", (await receiver.count()).unique - arrived, "", { atMost: 0 });
    if (status !== "cancelled") throw new Error(`a cancelled replay says that it is ${status}`);
    await call(api, "webhooks.unsubscribe", { id: webhook }); // or it would get what later groups publish
    await worker.stop();
    await api.stop();
  },
};

async function call<T>(api: Service, operation: string, body: unknown): Promise<T> {
  const answer = await request(`${api.url}/${operation}`, {
    method: "POST",
    headers: headersOf(WIDE.tenant),
    body: JSON.stringify(body),
  });
  const text = await answer.body.text();
  if (answer.statusCode !== 200) throw new Error(`${operation}: ${text}`);
  return JSON.parse(text) as T;
}

async function newest({ database }: Scene): Promise<string> {
  const { rows } = await database.sql.query<{ id: string }>(
    "select id from posthorn.webhooks order by created_at desc limit 1",
  );
  return rows[0]?.id ?? "";
}

async function pendingOf({ database }: Scene): Promise<number> {
  const { rows } = await database.sql.query<{ count: number }>(
    "select count(*)::integer as count from posthorn.deliveries where bucket = 0 and cause = 'replay'",
  );
  return rows[0]?.count ?? 0;
}
