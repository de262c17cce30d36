// Whether what came by SQL fits its schema: each event is judged once, and none for longer than others can bear.
import type { Judge } from "../event-types/judge.ts";
import type { MonotonicClock } from "../kernel/clock.ts";
import { SECOND } from "../kernel/duration.ts";
import type { Log } from "../kernel/log.ts";
import type { EnforcedSchema } from "../store/event-types.ts";
import type { EventToSend } from "../store/events-to-send.ts";

const BUDGET_MS = 0.5 * SECOND; // of one claim; nothing else happens meanwhile, and the last one may take a second more
const SLOW_MS = 100; // the largest honest payload takes 10
const REST_TIMES = 9; // what a slow one took: so a tenant's slow schemas have a tenth of this process at most
const REMEMBERED_MAX = 1_000; // verdicts that were slow to find, of some hundred bytes each

/** What is known of a payload: `later` where it has to be judged another time, after `waitMs`. */
export type Verdict =
  { kind: "fits" } | { kind: "unfit"; why: string } | { kind: "later"; waitMs: number };

/** Judges the events of one claim: each once, however many webhooks want it. Never throws. */
export type ClaimJudge = (event: EventToSend, schema: EnforcedSchema) => Verdict;

/**
 * Creates what judges claim after claim. A claim's judging ends after half a second. A tenant whose payload took long
 * rests for nine times as long, so that others go on. What took long is remembered, not judged again for the next
 * webhook or the next try.
 */
export function createJudging({
  judge,
  monotonic,
  log,
}: {
  judge: Judge;
  monotonic: MonotonicClock;
  log: Log;
}): { begin(): ClaimJudge } {
  const remembered = new Map<string, Verdict>(); // the oldest first
  const restsUntil = new Map<string, number>(); // by tenant

  function tookLong(key: string, event: EventToSend, verdict: Verdict, tookMs: number): void {
    remembered.set(key, verdict);
    const [oldest] = remembered.keys();
    if (remembered.size > REMEMBERED_MAX && oldest !== undefined) remembered.delete(oldest);
    const now = monotonic();
    for (const [tenant, until] of restsUntil) if (until <= now) restsUntil.delete(tenant);
    restsUntil.set(event.tenant, now + REST_TIMES * tookMs);
    log.warn(
      { tenant: event.tenant, type: event.type, took_ms: Math.round(tookMs) },
      "judging a payload by its schema took long; what else of this tenant came by SQL has to wait",
    );
  }

  return {
    begin() {
      const verdicts = new Map<string, Verdict>();
      let spentMs = 0;

      function verdictOf(event: EventToSend, schema: EnforcedSchema): Verdict {
        const key = `${event.id} ${schema.name} ${schema.version}`;
        const known = remembered.get(key);
        if (known) return known;
        const startedAt = monotonic();
        const waitMs = (restsUntil.get(event.tenant) ?? 0) - startedAt;
        if (waitMs > 0) return { kind: "later", waitMs };
        if (spentMs >= BUDGET_MS) return { kind: "later", waitMs: 0 };
        const verdict = judged(judge, event, schema);
        const tookMs = monotonic() - startedAt;
        spentMs += tookMs;
        if (tookMs >= SLOW_MS) tookLong(key, event, verdict, tookMs);
        return verdict;
      }

      return (event, schema) => {
        const verdict = verdicts.get(event.id) ?? verdictOf(event, schema);
        verdicts.set(event.id, verdict);
        return verdict;
      };
    },
  };
}

function judged(
  judge: Judge,
  event: EventToSend,
  { name, version, schema }: EnforcedSchema,
): Verdict {
  if (event.payload === null) return { kind: "fits" }; // it is gone, which the attempt will say
  const key = `${event.tenant} ${name} ${version}`;
  const payload = parsed(event.payload);
  if (!payload) return { kind: "unfit", why: "payload: not JSON" };
  const [issue] = judge.judge(key, schema, payload.value) ?? [];
  return issue ? { kind: "unfit", why: `${issue.path}: ${issue.message}` } : { kind: "fits" };
}

// PostgreSQL's notion of JSON is not JavaScript's to the last corner, and one row must not stop a claim.
function parsed(text: string): { value: unknown } | undefined {
  try {
    return { value: JSON.parse(text) };
  } catch {
    return undefined;
  }
}
