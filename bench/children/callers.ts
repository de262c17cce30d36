// Hostile callers of the API, in a process of their own: each has a tenant of its own, and does one thing that takes
// time, memory or connections, again and again, until this process is ended.
import { connect } from "node:net";
import { constants, setPriority } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";

import { Pool } from "undici";

/** A caller's kind of harm, and the headers that its tenant is reached with. */
export type HostileCaller = { kind: Kind; headers: Record<string, string> };

export type CallersOptions = { url: string; callers: HostileCaller[]; webhookId: string };

/** How many answers each kind got, by status. */
export type Answers = Record<string, number>;

type Ask = (path: string, body?: unknown) => Promise<void>;
type Deed = (ask: Ask, headers: Record<string, string>) => Promise<unknown>;

const SOCKETS = 30; // of one caller
const REFUSED_MS = 50; // until a refused caller tries again: the service is to be measured, not these processes
const UNREAD_SOCKETS = 12;
const UNREAD_MS = 5_000; // how long answers are left unread before their sockets are given up
const LARGE_ITEMS = 5_500_000; // of three bytes each: just under 16 MiB
const BATCH = 10; // as many as one request may have

const page = { page_size: 200, with_payload: true };
const batchInput = JSON.stringify(
  Object.fromEntries(Array.from({ length: BATCH }, (_, n) => [n, page])),
);
const batchPath = `/trpc/${Array(BATCH).fill("events.list").join(",")}?batch=1&input=${encodeURIComponent(batchInput)}`;
const largeBody = Buffer.from(`{"events":[${"{},".repeat(LARGE_ITEMS)}{}]}`);
const slow = { type: "slow.pattern", payload: { text: `${"a".repeat(32)}!` } };
const searches: [path: string, body: unknown][] = [
  ["/deliveries.list", { status: "dead", page_size: 200 }],
  ["/events.list", { type: "campaign.completed", page_size: 200 }],
  ["/deliveries.list", { status: "cancelled", page_size: 200 }],
];

const { url, callers, webhookId } = JSON.parse(process.argv[2] ?? "") as CallersOptions;
const { hostname, port, host } = new URL(url);

const events = Array.from({ length: 100 }, (_, n) => `made.type${n}`);
const routes = (from: number) => ({
  events,
  channels: Array.from({ length: 20 }, (_, n) => `channel ${from + n}`),
});

/** What each kind does, over and over. */
const DEEDS = {
  /** Many large pages in one request. */
  batch: (ask) => ask(batchPath),
  /** Answers that are asked for and never read. */
  unread: (_ask, headers) => leaveUnread(headers),
  /** A payload that its type's pattern takes exponential time for, eight at a time. */
  pattern: (ask) => atOnce(8, () => ask("/events.publish", slow)),
  /** A large body of many small things. */
  large: (ask) => ask("/events.publish_many", largeBody),
  /** Pages of payloads that are many small things. */
  nested: (ask) => ask("/events.list", page),
  /** Searches in a long history that find nothing. */
  searches: (ask) => atOnce(SOCKETS, (n) => ask(...searches[n % searches.length]!)),
  /** One webhook of 2,000 routes, changed by many at once. */
  updates: (ask) =>
    atOnce(SOCKETS, (n) => ask("/webhooks.update", { id: webhookId, ...routes(n % 2) })),
  /** Updates that change nothing. */
  versions: (ask) => atOnce(4, () => ask("/webhooks.update", { id: webhookId })),
} satisfies Record<string, Deed>;

export type Kind = keyof typeof DEEDS;

// In life they run on machines of their own: here they get what those who are measured leave of this one.
setPriority(constants.priority.PRIORITY_LOW);

const answers: Answers = {};
process.once("disconnect", () => process.exit());
process.on("message", () => process.send?.(answers));
for (const caller of callers) void goOn(caller);
process.send?.("begun");

async function goOn({ kind, headers }: HostileCaller): Promise<never> {
  const http = new Pool(url, { connections: SOCKETS, headersTimeout: 0, bodyTimeout: 0 });
  const ask: Ask = async (path, body) => {
    const sent = body === undefined ? null : Buffer.isBuffer(body) ? body : JSON.stringify(body);
    const method = body === undefined ? "GET" : "POST";
    const answer = await http.request({ method, path, headers, body: sent });
    for await (const _ of answer.body); // read, but kept by nobody
    count(`${kind} ${answer.statusCode}`);
    if (answer.statusCode >= 400) await sleep(REFUSED_MS);
  };
  for (;;) {
    try {
      await DEEDS[kind](ask, headers);
    } catch {
      count(`${kind} cut off`);
      await sleep(REFUSED_MS);
    }
  }
}

function count(what: string): void {
  answers[what] = (answers[what] ?? 0) + 1;
}

function atOnce(times: number, deed: (n: number) => Promise<void>): Promise<unknown> {
  return Promise.all(Array.from({ length: times }, (_, n) => deed(n)));
}

async function leaveUnread(headers: Record<string, string>): Promise<void> {
  const body = JSON.stringify(page);
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
  const request = [
    "POST /events.list HTTP/1.1",
    `host: ${host}`,
    ...lines,
    `content-length: ${Buffer.byteLength(body)}`,
    "",
    body,
  ].join("\r\n");
  const sockets = Array.from({ length: UNREAD_SOCKETS }, () => {
    const socket = connect(Number(port), hostname).on("error", () => {});
    socket.pause().write(request);
    return socket;
  });
  await sleep(UNREAD_MS);
  for (const socket of sockets) socket.destroy();
  count("unread");
}
