// Whether what came by SQL fits its schema: each event is judged once, however many webhooks want it.
import type { Judgement, Judging } from "../event-types/judging/index.ts";
import { sleep, type MonotonicClock } from "../kernel/clock.ts";
import { MINUTE, SECOND } from "../kernel/duration.ts";
import { formatId } from "../kernel/ids.ts";
import type { Log } from "../kernel/log.ts";
import type { EnforcedSchema } from "../store/event-types.ts";
import type { EventToSend } from "../store/events-to-send.ts";

const PATIENCE_MS = 0.5 * SECOND; // a delivery that is not judged by then leaves its slot to others, and comes again
const AGAIN_MS = SECOND;
const REMEMBERED_MAX = 1_000; // verdicts that were slow to find, of some hundred bytes each

/** What is known of a payload: `later` where it has to be judged another time, after `waitMs`. */
export type Verdict =
  { kind: "fits" } | { kind: "unfit"; why: string } | { kind: "later"; waitMs: number };

/** Judges an event's payload. Never rejects, and is never waited for longer than half a second. */
export type JudgeLate = (event: EventToSend, schema: EnforcedSchema) => Promise<Verdict>;

/**
 * Creates what judges late. What took long is remembered, not judged again for the next webhook or the next try, nor while
 * it is still being judged.
 */
export function createLateJudging({
  judging,
  monotonic,
  log,
}: {
  judging: Pick<Judging, "payload">;
  monotonic: MonotonicClock;
  log: Log;
}): JudgeLate {
  const tell = createTeller(monotonic, log);
  const asked = new Map<string, Promise<Verdict>>(); // those under way, and what was slow; the oldest first

  async function ask(key: string, event: EventToSend, schema: EnforcedSchema): Promise<Verdict> {
    if (event.payload === null) return { kind: "fits" }; // it is gone, which the attempt will say
    try {
      const judged = await judging.payload(event.tenant, schema, event.payload);
      if (judged.kind === "busy" || !judged.wasSlow) asked.delete(key);
      if (judged.kind === "unfit") tell(event);
      return verdictOf(judged);
    } catch (err) {
      log.error({ err, tenant: event.tenant, type: event.type }, "a payload could not be judged");
      asked.delete(key);
      return { kind: "later", waitMs: AGAIN_MS };
    }
  }

  return async (event, schema) => {
    const key = `${event.id} ${schema.name} ${schema.version}`;
    const verdict = asked.get(key) ?? ask(key, event, schema);
    asked.set(key, verdict);
    const [oldest] = asked.keys();
    if (asked.size > REMEMBERED_MAX && oldest !== undefined) asked.delete(oldest);
    const isKnown = new AbortController();
    try {
      return await Promise.race([verdict, notYet(isKnown.signal)]);
    } finally {
      isKnown.abort();
    }
  };
}

// One line a minute for each type: a publisher that has it wrong has it wrong each time. What does not fit, which may tell of
// the payload, stands in the delivery.
function createTeller(monotonic: MonotonicClock, log: Log): (event: EventToSend) => void {
  const logged = new Map<string, { at: number; since: number }>(); // by tenant and type

  return ({ id, tenant, type }) => {
    const key = `${tenant} ${type}`;
    const last = logged.get(key);
    if (last && monotonic() - last.at < MINUTE) {
      last.since += 1;
      return;
    }
    if (logged.size >= REMEMBERED_MAX) logged.clear();
    logged.set(key, { at: monotonic(), since: 0 });
    log.warn(
      { tenant, type, event: formatId("evt", id), ...(last && { untold: last.since }) },
      "an event published by SQL does not fit the schema of its type; its deliveries are dead (schema), deliveries.info says why",
    );
  };
}

function verdictOf(judged: Judgement): Verdict {
  if (judged.kind === "fits") return { kind: "fits" };
  if (judged.kind === "busy") return { kind: "later", waitMs: judged.waitMs };
  const [issue] = judged.issues;
  return { kind: "unfit", why: `${issue?.path}: ${issue?.message}` };
}

async function notYet(isKnown: AbortSignal): Promise<Verdict> {
  await sleep(PATIENCE_MS, isKnown);
  return { kind: "later", waitMs: AGAIN_MS };
}
