// Real bodies through a running Posthorn: every one of GitHub's in @octokit/webhooks-examples, and the example of every
// event type that Posthorn knows. Each has to arrive once, signed, byte for byte as it was published.
//
// Run: npm start, then in another terminal: POSTHORN_KEY=… node --import tsx examples/real-input.ts
// POSTHORN_URL is http://127.0.0.1:8080 unless set. With DATABASE_URL some are published by SQL as well.
import { randomBytes, randomUUID } from "node:crypto";
import { readdirSync } from "node:fs";
import { createServer, type IncomingHttpHeaders } from "node:http";
import { createRequire } from "node:module";
import type { AddressInfo } from "node:net";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import pg from "pg";

import { verifyWebhook } from "../src/verify/index.ts"; // "posthorn/verify" in a project of your own

const { POSTHORN_URL = "http://127.0.0.1:8080", POSTHORN_KEY = "", DATABASE_URL } = process.env;
const TENANT = `real-input-${randomUUID()}`; // a wall around this run: nobody else's webhooks get its events
const KEY = randomBytes(32).toString("hex");

type Input = { type: string; payload: unknown };
/** What was published, and the bytes that have to arrive for it. */
type Sent = { id: string; type: string; body: string };
type Arrived = { headers: IncomingHttpHeaders; body: string };

const receiver = await startReceiver();
const github = githubEvents();
for (const name of new Set(github.map(({ type }) => type)))
  await post("event_types.create", { name });
const known = await post("event_types.list", { page_size: 200 });
const builtIn = known.data.flatMap(
  ({ name: type, example: payload }: { name: string; example: unknown }) =>
    payload === null ? [] : [{ type, payload }],
) as Input[];

const webhook = await post("webhooks.subscribe", { url: receiver.url, signature_key: KEY });
const sent = [
  ...(await publishEach([...builtIn, ...github.slice(0, 20)])),
  ...(await publishTogether(github.slice(20))),
  ...(DATABASE_URL === undefined ? [] : await publishBySql(DATABASE_URL, github.slice(0, 20))),
];
await receiver.arrived(sent.length);
while ((await post("deliveries.list", { status: "pending", page_size: 1 })).data.length > 0)
  await sleep(20);
await post("webhooks.unsubscribe", { id: webhook.id });

const faults = await compare(sent, receiver.requests);
for (const fault of faults) console.error(fault);
console.log(
  `published ${sent.length} events of ${new Set(sent.map(({ type }) => type)).size} types, ` +
    `${receiver.requests.length} requests arrived, ${faults.length} faults`,
);
process.exit(faults.length === 0 ? 0 : 1);

/** One event a request. Its timestamp is the moment of publishing, which events.info tells. */
async function publishEach(events: Input[]): Promise<Sent[]> {
  const published: Sent[] = [];
  for (const event of events) {
    const { id } = await post("events.publish", event);
    const { timestamp } = await post("events.info", { id });
    published.push(expected(id, event.type, timestamp, JSON.stringify(event.payload)));
  }
  return published;
}

/** A hundred events a request, with timestamps of our own. */
async function publishTogether(events: Input[]): Promise<Sent[]> {
  const dated = events.map((event, index) => ({
    ...event,
    timestamp: new Date(index * 86_400_000).toISOString(),
  }));
  const published: Sent[] = [];
  for (let from = 0; from < dated.length; from += 100) {
    const batch = dated.slice(from, from + 100);
    const { data } = await post("events.publish_many", { events: batch });
    for (const [index, { type, timestamp, payload }] of batch.entries())
      published.push(expected(data[index].id, type, timestamp, JSON.stringify(payload)));
  }
  return published;
}

/** In one transaction. The text goes out as it is: here with the line breaks of a person's file. */
async function publishBySql(url: string, events: Input[]): Promise<Sent[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  const published: Sent[] = [];
  const timestamp = new Date().toISOString();
  await client.query("begin");
  for (const { type, payload } of events) {
    const text = JSON.stringify(payload, null, 2);
    const { rows } = await client.query<{ id: string }>(
      'select posthorn.publish($1, $2::text, tenant => $3, "timestamp" => $4) as id',
      [type, text, TENANT, timestamp],
    );
    published.push(expected(rows[0]?.id ?? "", type, timestamp, text));
  }
  await client.query("commit");
  await client.end();
  return published;
}

function expected(id: string, type: string, timestamp: string, payload: string): Sent {
  return {
    id,
    type,
    body: `{"type":${JSON.stringify(type)},"timestamp":${Date.parse(timestamp)},"payload":${payload}}`,
  };
}

/** Everything that is wrong with what arrived. */
async function compare(sent: Sent[], arrived: Arrived[]): Promise<string[]> {
  const faults: string[] = [];
  const waited = new Map(sent.map((event) => [event.id, event]));
  for (const { headers, body } of arrived) {
    const id = String(headers["webhook-id"]);
    const event = waited.get(id);
    if (!event) {
      faults.push(`${id} arrived twice, or was never published`);
      continue;
    }
    waited.delete(id);
    if (body !== event.body) faults.push(`${id} (${event.type}) arrived with other bytes`);
    await verifyWebhook(body, headers, KEY, { preset: "airy" }).catch((error: Error) =>
      faults.push(`${id} (${event.type}): ${error.message}`),
    );
  }
  for (const { id, type } of waited.values()) faults.push(`${id} (${type}) did not arrive`);
  return faults;
}

/** All of GitHub's examples, of each of its editions, typed as `github.pull_request.opened`. */
function githubEvents(): Input[] {
  const require = createRequire(import.meta.url);
  const folder = dirname(require.resolve("@octokit/webhooks-examples/package.json"));
  const editions = readdirSync(folder, { withFileTypes: true }).filter((each) =>
    each.isDirectory(),
  );
  return editions.flatMap((edition) => {
    const hooks = require(join(folder, edition.name, "index.json")) as {
      name: string;
      examples: { action?: string }[];
    }[];
    return hooks.flatMap(({ name, examples }) =>
      examples.map((payload) => ({
        type: ["github", name, payload.action].filter(Boolean).join("."),
        payload,
      })),
    );
  });
}

async function startReceiver() {
  const requests: Arrived[] = [];
  let look = () => {};
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    requests.push({ headers: request.headers, body: Buffer.concat(chunks).toString() });
    response.end();
    look();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    requests,
    arrived: (count: number) =>
      new Promise<void>((resolve) => {
        look = () => requests.length >= count && resolve();
        look();
      }),
  };
}

// eslint-disable-next-line @typescript-eslint/no-explicit-any -- the answers' types are posthorn/client's business
async function post(operation: string, body: object): Promise<any> {
  const response = await fetch(`${POSTHORN_URL}/${operation}`, {
    method: "POST",
    headers: {
      Authorization: `Bearer ${POSTHORN_KEY}`,
      "X-Tenant": TENANT,
      "Content-Type": "application/json",
    },
    body: JSON.stringify(body),
  });
  const answer = await response.json();
  if (!response.ok) throw new Error(`${operation}: ${JSON.stringify(answer)}`);
  return answer;
}
