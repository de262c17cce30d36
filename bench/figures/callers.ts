// What one tenant's publishes feel of others' hostile calls.
import { Pool } from "undici";

import { message, start, startService, stop } from "../children.ts";
import type { Answers, CallersOptions, HostileCaller, Kind } from "../children/callers.ts";
import { runPublisher } from "../load.ts";
import { watchMemory } from "../memory.ts";
import type { Percentiles } from "../report.ts";
import { headersOf } from "../service.ts";
import { BENCH, WIDE, type Group, type Scene } from "../stage.ts";

const CALLERS = 20;
const KINDS: Kind[] = [
  "batch",
  "unread",
  "pattern",
  "large",
  "nested",
  "searches",
  "updates",
  "versions",
];
const PER_SECOND = 50;
const WINDOW_S = 30;
const WARM_S = 10;
const LARGE_EVENTS = 200;
const PUBLISHING: readonly Kind[] = ["pattern", "large"]; // the others read, and manage their webhooks
const LARGE = JSON.stringify("x".repeat(262_000)); // just below the 256 KiB that a payload may have
const STORED: Partial<Record<Kind, string>> = {
  batch: LARGE,
  unread: LARGE,
  nested: `[${"[],".repeat(80_000)}[]]`,
};
const WEBHOOK_ID = "00000000-0000-4000-8000-000000000001";

export const callers: Group = {
  title: "Hostile callers",
  about:
    `${PER_SECOND} publishes a second over HTTP by one tenant, open loop, alone and then beside ${CALLERS} hostile callers, ` +
    "each a tenant of its own with its own key, of all these kinds: batches of ten large pages, answers that are never " +
    "read, payloads that a pattern takes exponential time for, bodies of 16 MiB of `{}`, pages of payloads of 80,000 empty lists, thirty searches at once " +
    "over a million deliveries, thirty updates at once of a webhook of 2,000 routes, and updates that change nothing. One that is refused tries again " +
    `after 50 ms. The callers run on the same two cores, at the lowest priority; what they do in their first ${WARM_S} seconds counts for the memory alone. Times are from when an event was meant to be published to its answer; one that was refused counts as never. ` +
    "The limit is a bare node:http server in the place of the service, under the same callers: it reads what it is sent, and answers.",
  rounds: 3,
  async run(scene) {
    const api = await startService("api", scene.env);
    const hostile = await prepare(scene, api.url);
    const before = await feel(scene, api.url);
    const memory = watchMemory(api.pid);
    const during = await feelBeside(scene, { url: api.url, callers: hostile });
    const moreMb = memory.stop();
    await api.stop();
    note(scene, "", before, during);
    scene.note("p99, beside them to alone", during.p99 / before.p99, "×", { atMost: 2 });
    scene.note("memory of the api, more than before", moreMb, "MB", { atMost: 200 });
    await noteLimit(scene, hostile);
  },
};

async function noteLimit(scene: Scene, callers: HostileCaller[]): Promise<void> {
  const answering = start(new URL("../children/answering.ts", import.meta.url));
  const { url } = await message<{ url: string }>(answering);
  const before = await feel(scene, url);
  const during = await feelBeside(scene, { url, callers });
  await stop(answering);
  note(scene, "limit, a server that only answers: ", before, during);
}

function note({ note }: Scene, whose: string, before: Percentiles, during: Percentiles): void {
  note(`${whose}p50 alone`, before.p50, "ms");
  note(`${whose}p50 beside them`, during.p50, "ms");
  note(`${whose}p99 alone`, before.p99, "ms");
  note(`${whose}p99 beside them`, during.p99, "ms");
}

async function feel(scene: Scene, url: string): Promise<Percentiles> {
  await publishFor(scene, url, WARM_S);
  return publishFor(scene, url, WINDOW_S);
}

async function feelBeside(
  scene: Scene,
  service: Pick<CallersOptions, "url" | "callers">,
): Promise<Percentiles> {
  const options: CallersOptions = { ...service, webhookId: WEBHOOK_ID };
  const child = start(new URL("../children/callers.ts", import.meta.url), JSON.stringify(options));
  await message(child);
  const felt = await feel(scene, service.url);
  const answered = message<Answers>(child);
  child.send("how many");
  console.log(JSON.stringify(await answered, null, 1));
  await stop(child);
  return felt;
}

async function publishFor(scene: Scene, url: string, seconds: number): Promise<Percentiles> {
  const { tenant, channels } = BENCH;
  const { answered } = await runPublisher<{ answered: Percentiles }>({
    ...{ door: "http", url, tenant, channels },
    seconds: scene.seconds(seconds),
    load: { perSecond: PER_SECOND },
    mayBeRefused: true,
  });
  return answered;
}

// Each caller's tenant has a key, a webhook, a type with a pattern, and events of the largest size.
async function prepare({ database, round }: Scene, url: string): Promise<HostileCaller[]> {
  const http = new Pool(url, { connections: 1 });
  const post = async (tenant: string, operation: string, body: unknown) => {
    const request = {
      path: `/${operation}`,
      headers: headersOf(tenant),
      body: JSON.stringify(body),
    };
    const answer = await http.request({ method: "POST", ...request });
    const text = await answer.body.text();
    if (answer.statusCode !== 200) throw new Error(`${operation}: ${text}`);
    return JSON.parse(text) as { key: string };
  };
  const made: HostileCaller[] = [];
  for (let n = 0; n < CALLERS; n++) {
    const kind = KINDS[n % KINDS.length]!;
    const tenant = kind === "searches" ? WIDE.tenant : `hostile${round}-${n}`;
    const scope = PUBLISHING.includes(kind) ? "publish" : "manage";
    const name = `hostile ${n}`;
    const { key } = await post(tenant, "keys.create", { name, scope, tenant });
    made.push({
      kind,
      headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
    });
    if (kind === "searches") continue;
    for (let type = 0; type < 100; type++)
      if (kind === "updates" || kind === "versions")
        await post(tenant, "event_types.create", { name: `made.type${type}` });
    await post(tenant, "event_types.create", {
      name: "slow.pattern",
      schema: { type: "object", properties: { text: { type: "string", pattern: "^(a+)+$" } } },
    });
    await post(tenant, "webhooks.subscribe", {
      id: WEBHOOK_ID,
      url: "http://127.0.0.1:9/",
      channels: ["none"],
    });
    const payload = STORED[kind];
    if (payload === undefined) continue;
    await database.sql.query(
      `select count(*) from generate_series(1, $2::integer) as n
       cross join lateral (
         select posthorn.publish('message.created', $3::text, tenant => $1) where n > 0 offset 0
       ) as published`,
      [tenant, LARGE_EVENTS, payload],
    );
  }
  await http.close();
  return made;
}
