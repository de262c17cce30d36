// One attempt, from a claimed delivery to its settlement. Never throws.
import type { Judge } from "../event-types/judge.ts";
import { isReservedType } from "../event-types/names.ts";
import type { Egress } from "../egress/client.ts";
import type { Random } from "../kernel/clock.ts";
import { isSuccess, type HttpRule } from "../presets/policy.ts";
import type { ClaimedDelivery } from "../store/claim.ts";
import type { Db } from "../store/connect.ts";
import { findEnforcedSchemas } from "../store/event-types.ts";
import type { EventToSend } from "../store/events.ts";
import type { Settlement } from "../store/settle.ts";
import { build } from "./build.ts";
import type { DatabaseClock } from "./database-clock.ts";
import { judgeExchange, type FailureReason, type Outcome } from "./outcome.ts";
import { settlementOf } from "./settlement.ts";
import type { Target } from "./target.ts";

export type SendContext = {
  egress: Egress;
  db: Db;
  judge: Judge;
  clock: DatabaseClock;
  random: Random;
  worker: string;
  http: HttpRule;
};

const CRASHES_MAX = 5; // leases in a row that ran out: then it counts as a failed attempt, for it may be the cause

/** What a claimed delivery needs to be sent. */
export type Load = { delivery: ClaimedDelivery; target: Target; event: EventToSend };

/** Makes the attempt, or what stands for one where nothing can be sent. */
export async function send(
  context: SendContext,
  { delivery, target, event }: Load,
): Promise<Settlement> {
  const { clock, random, worker } = context;
  const startedAt = clock.now();
  const settle = (outcome: Outcome, keyVersion: number | null = null, body: Buffer | null = null) =>
    settlementOf(outcome, {
      delivery,
      target,
      startedAt,
      endedAt: clock.now(),
      worker,
      keyVersion,
      body,
      isOwnEvent: isReservedType(event.type),
      random,
    });

  if (delivery.crashes >= CRASHES_MAX)
    return settle(
      failed(
        "worker_crashed",
        `${CRASHES_MAX} workers in a row stopped while they had this delivery`,
      ),
    );
  const unfit = event.schema_checked ? null : await judgePayload(context, event);
  if (unfit !== null) return settle(failed("schema", unfit));
  const facts = { number: delivery.attempts_made + 1, sentAt: startedAt, now: () => clock.now() };
  const { outcome, keyVersion, body } = await attempt(context, target, event, facts);
  return settle(outcome, keyVersion, body);
}

/** What came of a request, and what it was made with; nulls where none could be built. */
export type Attempted = { outcome: Outcome; keyVersion: number | null; body: Buffer | null };

/** Builds the request, sends it, and judges what came back. Never throws. */
export async function attempt(
  { egress, http }: Pick<SendContext, "egress" | "http">,
  target: Target,
  event: EventToSend,
  { number, sentAt, now }: { number: number; sentAt: Date; now: () => Date },
): Promise<Attempted> {
  const built = build(target, event, { attempt: number, sentAt, http });
  if (built.kind === "unbuildable")
    return { outcome: failed(built.reason, built.error), keyVersion: null, body: null };
  const exchange = await egress.post(built.request);
  const outcome = judgeExchange(
    exchange,
    (status) => isSuccess(target.preset, status),
    now().getTime(),
  );
  return { outcome, keyVersion: built.keyVersion, body: built.request.body };
}

// PostgreSQL knows no JSON Schema: what came by SQL is judged here, before its first attempt.
async function judgePayload(
  { db, judge }: SendContext,
  event: EventToSend,
): Promise<string | null> {
  if (event.payload === null) return null;
  const [type] = await findEnforcedSchemas(db, event.tenant, [event.type]);
  if (!type) return null;
  const key = `${event.tenant} ${type.name} ${type.version}`;
  const [issue] = judge.judge(key, type.schema, JSON.parse(event.payload) as unknown) ?? [];
  return issue ? `${issue.path}: ${issue.message}` : null;
}

function failed(reason: FailureReason, error: string): Outcome {
  return { kind: "failed", reason, error, exchange: null, retryAfterMs: null };
}
