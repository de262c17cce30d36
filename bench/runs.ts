// One run of each that is compared: our worker, a client alone, a peer.
import { once } from "node:events";

import { start, startService, stop } from "./children.ts";
import type { PeerName } from "./children/peers.ts";
import type { Client } from "./children/senders.ts";
import { measureRate, type Rate } from "./rate.ts";
import type { RedisServer } from "./redis.ts";
import { payloadOf, publish } from "./service.ts";
import { BENCH, type Scene } from "./stage.ts";

const WINDOW_S = 20;
const BACKLOG_S = WINDOW_S + 6; // what has to wait for a worker that is warmed up and then measured
const FIRST_GUESS = 6_500; // deliveries a second; later rounds know better
const FIRST_GUESS_WITH_GOT = 2_500;

export const OURS = "posthorn worker";

/** A peer, its HTTP client, and whether it writes the attempt row that ours writes. */
export type PeerRun = { peer: PeerName; client: Client; isRecorded: boolean };

export async function runOurs(scene: Scene, execArgv: string[] = []): Promise<[string, Rate]> {
  const { database, receiver } = scene;
  const backlog = backlogOf(scene, OURS, FIRST_GUESS);
  const { rows } = await database.sql.query<{ now: Date }>("select clock_timestamp() as now");
  await publish(database.url, BENCH.tenant, {
    count: backlog,
    channels: BENCH.channels,
    payload: payloadOf(1_024),
  });
  const worker = await startService("worker", scene.env, execArgv);
  const rate = await measureRate(scene, [worker.pid], {
    seconds: scene.seconds(WINDOW_S),
    total: backlog,
  });
  await worker.stop();
  const { requests, unique, forged } = await receiver.count();
  const recorded = await database.sql.query<{ attempts: number; finished: number }>(
    `select (select count(*)::integer from posthorn.attempts where tenant = $1 and id >= posthorn.lowest_uuid_at($2)) as attempts,
       (select count(*)::integer from posthorn.finished_deliveries where tenant = $1 and id >= posthorn.lowest_uuid_at($2)) as finished`,
    [BENCH.tenant, rows[0]?.now],
  );
  const { attempts, finished } = recorded.rows[0] ?? {};
  if (attempts !== requests || finished !== unique || requests !== unique || forged > 0)
    throw new Error(
      `${requests} requests, ${unique} deliveries, ${forged} forged; recorded: ${attempts} and ${finished}`,
    );
  return [OURS, rate];
}

export async function runLimit(scene: Scene, client: Client): Promise<[string, Rate]> {
  const limit = start(
    new URL("./children/limit.ts", import.meta.url),
    client,
    scene.receiver.url,
    String(BENCH.channels.length),
  );
  const rate = await measureRate(scene, [limit.pid!], { seconds: scene.seconds(WINDOW_S) });
  await stop(limit);
  return [limitName(client), rate];
}

export async function runPeer(
  scene: Scene,
  run: PeerRun,
  redis: RedisServer | undefined,
): Promise<[string, Rate]> {
  const { peer, client, isRecorded } = run;
  const name = peerName(run);
  const databaseUrl = await scene.database.fresh("peer");
  const url = peer === "BullMQ" ? (redis?.url ?? "") : databaseUrl;
  const count = backlogOf(scene, name, client === "got" ? FIRST_GUESS_WITH_GOT : FIRST_GUESS);
  const fill = start(
    new URL("./children/peer.ts", import.meta.url),
    peer,
    "fill",
    url,
    String(count),
    String(BENCH.channels.length),
  );
  const [code] = (await once(fill, "exit")) as [number];
  if (code !== 0) throw new Error(`${peer} could not be filled`);
  const attemptsUrl = isRecorded ? databaseUrl : "";
  const worker = start(
    new URL("./children/peer.ts", import.meta.url),
    peer,
    "work",
    url,
    client,
    scene.receiver.url,
    attemptsUrl,
  );
  const rate = await measureRate(scene, [worker.pid!], {
    seconds: scene.seconds(WINDOW_S),
    total: count,
  });
  await stop(worker);
  await scene.database.drop("peer");
  if (peer === "BullMQ" && redis) await redis.clear();
  return [name, rate];
}

export function limitName(client: Client): string {
  return client === "posthorn" ? "limit: our client" : `limit: ${client}`;
}

export function peerName({ peer, client, isRecorded }: PeerRun): string {
  return `${peer}, ${client}${isRecorded ? " + row" : ""}`;
}

function backlogOf(scene: Scene, name: string, guess: number): number {
  const known = scene.median(name);
  const seconds = scene.isQuick ? 2 * scene.seconds(WINDOW_S) + 2 : BACKLOG_S;
  return Math.round((Number.isNaN(known) ? guess : known * 1.2) * seconds);
}
