// A peer as a process: "fill" enqueues webhooks, "work" sends them with the client it is given, and may write down
// each attempt in the row that our service writes.
import { createHash } from "node:crypto";

import pg from "pg";

import { ATTEMPTS_TABLE, insertAttempts, uuidV7, type AttemptRow } from "../attempt-rows.ts";
import { payloadOf } from "../service.ts";
import { signed } from "../signed.ts";
import { openPeer, type Job, type PeerName } from "./peers.ts";
import { createSender, type Client } from "./senders.ts";

const ADDED_AT_ONCE = 1_000;

const [name = "", task = "", queueUrl = "", ...rest] = process.argv.slice(2);
process.once("SIGTERM", () => process.exit());
process.once("disconnect", () => process.exit());
const peer = await openPeer(name as PeerName, queueUrl);
if (task === "fill") await fill(Number(rest[0]), Number(rest[1]));
else await work(rest[0] as Client, rest[1] ?? "", rest[2] ?? "");

async function fill(count: number, paths: number): Promise<void> {
  const payload = payloadOf(1_024);
  for (let from = 0; from < count; from += ADDED_AT_ONCE) {
    const jobs = Array.from({ length: Math.min(ADDED_AT_ONCE, count - from) }, (_, n) => ({
      id: uuidV7(),
      path: `/${(from + n) % paths}`,
      payload,
    }));
    await peer.add(jobs);
  }
  process.exit();
}

async function work(client: Client, origin: string, attemptsUrl: string): Promise<void> {
  const send = createSender(client, origin);
  const handle = async ({ id, path, payload }: Job): Promise<AttemptRow> => {
    const { headers, body } = signed(`evt_${id}`, payload);
    const at = new Date();
    const startedAt = performance.now();
    const answer = await send(path, headers, body);
    if (answer.status !== 200) throw new Error(`the receiver answered ${answer.status}`);
    return {
      id: uuidV7(),
      deliveryId: id,
      at,
      durationMs: Math.round(performance.now() - startedAt),
      status: answer.status,
      sha256: createHash("sha256").update(body).digest(),
      headers: JSON.stringify(answer.headers),
      body: answer.body,
    };
  };
  if (attemptsUrl === "") {
    await peer.work({ handle, record: () => Promise.resolve() });
    return;
  }
  const pool = new pg.Pool({ connectionString: attemptsUrl, max: 10 });
  await pool.query(ATTEMPTS_TABLE);
  await peer.work({ handle, record: (rows) => insertAttempts(pool, rows) });
}
