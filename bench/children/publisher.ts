// Publishes at given times whatever the service does (open loop), or as fast as a number of clients can (closed loop).
// Each payload says when it was meant to be published, so a late publish is latency too.
import { once } from "node:events";

import pg from "pg";
import { Pool } from "undici";

import { nowMs } from "../clock.ts";
import { percentiles } from "../report.ts";
import { headersOf, payloadOf } from "../service.ts";

export type PublisherOptions = {
  door: "http" | "sql";
  url: string;
  tenant: string;
  channels: string[];
  /** Whether each channel is in the tenant of its own name; by SQL alone. */
  tenantsAreChannels?: boolean;
  seconds: number;
  /** Events a second, each at its time; or clients that publish one call after the other. */
  load: { perSecond: number } | { clients: number };
  /** Events in one call. */
  many?: number;
  /** Whether each event has an idempotency key. */
  keyed?: boolean;
  /** Whether a publish that is refused counts as never answered; else it ends the run. */
  mayBeRefused?: boolean;
};

const CONNECTIONS_MAX = 10;
const LEAD_MS = 100; // before the first, for what starting takes
const WARM_S = 2; // what is published first is not counted: this process's own code is compiled meanwhile, for 75 ms a call at first

// Not as an argument, which ten thousand channels are too long for.
const [options] = (await once(process, "message")) as [PublisherOptions];
const { door, url, tenant, channels, seconds, load, many = 0, keyed = false } = options;
const { mayBeRefused = false, tenantsAreChannels = false } = options;
process.once("disconnect", () => process.exit());

const text = (JSON.parse(payloadOf(1_024 - 32)) as { text: string }).text;
let made = 0;
let events = 0; // of those that count

// One that does not count does not say when it was meant to be published, so that its delivery is not timed either.
function eventAt(intended: number | undefined) {
  if (intended !== undefined) events++;
  const channel = channels[made++ % channels.length];
  const payload = { intended, text };
  return {
    type: "message.created",
    payload,
    ...(channel !== undefined && { channel }),
    ...(keyed && { idempotency_key: `${process.pid} ${made}` }),
  };
}

type Publish = (at: number | undefined) => Promise<void>;

function httpDoor(): Publish {
  const http = new Pool(url, { connections: CONNECTIONS_MAX });
  const path = many > 0 ? "/events.publish_many" : "/events.publish";
  return async (at) => {
    const body =
      many > 0 ? { events: Array.from({ length: many }, () => eventAt(at)) } : eventAt(at);
    const request = { path, headers: headersOf(tenant), body: JSON.stringify(body) };
    const answer = await http.request({ method: "POST", ...request });
    const said = await answer.body.text();
    if (answer.statusCode !== 200) throw new Error(said);
  };
}

function sqlDoor(): Publish {
  const pool = new pg.Pool({ connectionString: url, max: CONNECTIONS_MAX });
  pool.on("error", () => {}); // a server that crashes shows at the next publish
  return async (at) => {
    const { type, payload, channel } = eventAt(at);
    await pool.query({
      name: "publish",
      text: "select posthorn.publish($1, $2::text, channel => $3, tenant => $4)",
      values: [type, JSON.stringify(payload), channel, tenantsAreChannels ? channel : tenant],
    });
  };
}

const publish = door === "http" ? httpDoor() : sqlDoor();
if ("perSecond" in load) await openLoop(load.perSecond);
else await closedLoop(load.clients);
process.exit();

async function openLoop(perSecond: number): Promise<void> {
  const firstAt = nowMs() + LEAD_MS;
  const warm = Math.round(perSecond * WARM_S);
  const count = warm + Math.round(perSecond * seconds);
  const published: Promise<void>[] = [];
  const answeredMs: number[] = []; // from when each was meant to be published
  for (let n = 0; n < count; n++) {
    const at = firstAt + (n * 1_000) / perSecond;
    // A timer fires up to a millisecond early or late: what is due within half of one goes now.
    while (nowMs() < at - 0.5) await new Promise((resolve) => setTimeout(resolve, at - nowMs()));
    const isCounted = n >= warm;
    const answered = (ms: number) => {
      if (isCounted) answeredMs.push(ms);
    };
    const refused = (error: Error) => {
      if (!mayBeRefused) throw error;
      answered(Number.POSITIVE_INFINITY);
    };
    published.push(publish(isCounted ? at : undefined).then(() => answered(nowMs() - at), refused));
  }
  await Promise.all(published);
  process.send?.({ events, answered: percentiles(answeredMs) });
}

async function closedLoop(clients: number): Promise<void> {
  const warmUntil = nowMs() + seconds * 100; // a tenth more, not counted
  let until = warmUntil;
  const all = () =>
    Promise.all(
      Array.from({ length: clients }, async () => {
        while (nowMs() < until) await publish(nowMs());
      }),
    );
  await all();
  events = 0;
  const startedAt = nowMs();
  until = startedAt + seconds * 1_000;
  await all();
  process.send?.({ perSecond: (events / (nowMs() - startedAt)) * 1_000 });
}
