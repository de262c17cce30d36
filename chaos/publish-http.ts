// A publisher over HTTP, as an application is: the same key again until it is told 200.
import { monotonic, sleep } from "../src/kernel/clock.ts";
import { SECOND } from "../src/kernel/duration.ts";
import type { Publishing } from "./load.ts";

const ANSWER_MS_MAX = 40 * SECOND;
const AGAIN_MS = 100;
const ANSWERS = [200, 503]; // what a fault may show of itself: anything else is a wrong answer

/** Publishes one event; tries on for as long as there is no 200, and gives up only when the load is stopped. */
export async function publishOverHttp(publishing: Publishing, stopped: AbortSignal): Promise<void> {
  const { ledger, channels } = publishing;
  const n = ledger.next();
  const body = JSON.stringify({
    type: "message.created",
    payload: { n },
    channel: String(n % channels),
    idempotency_key: `chaos-${n}`,
  });
  do {
    const answer = await post(publishing, body);
    if (answer?.status === 200) return ledger.acknowledge(answer.id);
    if (answer && !ANSWERS.includes(answer.status))
      ledger.complain(`events.publish: ${answer.status} ${answer.text}`);
    ledger.refuse();
    await sleep(AGAIN_MS, stopped);
  } while (!stopped.aborted);
}

/** Publishes so many events, one each `everyMs` whatever becomes of those before, each once and without a key; answers how many were refused. */
export async function publishSteadily(
  publishing: Publishing,
  { count, everyMs }: { count: number; everyMs: number },
): Promise<number> {
  const { ledger, channels } = publishing;
  let refused = 0;
  const publish = async () => {
    const n = ledger.next();
    const event = { type: "message.created", payload: { n }, channel: String(n % channels) };
    const answer = await post(publishing, JSON.stringify(event));
    if (answer?.status === 200) return ledger.acknowledge(answer.id);
    if (answer && !ANSWERS.includes(answer.status))
      ledger.complain(`events.publish: ${answer.status} ${answer.text}`);
    ledger.refuse();
    refused++;
  };
  const startedAt = monotonic();
  const all: Promise<void>[] = [];
  while (all.length < count) {
    const due = Math.min(count, Math.ceil((monotonic() - startedAt) / everyMs));
    while (all.length < due) all.push(publish());
    await sleep(everyMs);
  }
  await Promise.all(all);
  return refused;
}

async function post({ apiUrl, adminKey, tenant }: Publishing, body: string) {
  try {
    const response = await fetch(`${apiUrl()}/events.publish`, {
      method: "POST",
      headers: {
        authorization: `Bearer ${adminKey}`,
        "content-type": "application/json",
        "x-tenant": tenant,
      },
      body,
      signal: AbortSignal.timeout(ANSWER_MS_MAX),
    });
    const text = await response.text();
    const id = response.status === 200 ? (JSON.parse(text) as { id: string }).id : "";
    return { status: response.status, text, id };
  } catch {
    return undefined; // refused, cut off, or silent
  }
}
