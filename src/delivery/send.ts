// One attempt, from a claimed delivery to its settlement. Never throws.
import type pg from "pg";

import { isReservedType } from "../event-types/names.ts";
import type { Egress } from "../egress/client.ts";
import { formatId } from "../kernel/ids.ts";
import type { Random } from "../kernel/clock.ts";
import type { FailureReason } from "../kernel/reasons.ts";
import { isSuccess, type HttpRule } from "../presets/policy.ts";
import type { ClaimedDelivery } from "../queue/claim.ts";
import { whichMayBeSent } from "../queue/look-again.ts";
import type { EventToSend } from "../store/events-to-send.ts";
import type { Settlement } from "../queue/settle.ts";
import { traceAttempt } from "../tracing/index.ts";
import { build } from "./build.ts";
import type { DatabaseClock } from "./database-clock.ts";
import { judgeExchange, type Attempted, type Outcome } from "./outcome.ts";
import { settlementOf } from "./settlement.ts";
import type { Target } from "./target.ts";

export type SendContext = {
  egress: Egress;
  clock: DatabaseClock;
  random: Random;
  worker: string;
  http: HttpRule;
  /** Whether receivers get the trace that an event was published in. */
  tracesReceivers: boolean;
  /** For another look, before a request goes out a second time. */
  pool: pg.Pool;
  /** What this process sends for: null is the database's own name. */
  installation: string | null;
};

/** Leases in a row that ran out: then it counts as a failed attempt, for the delivery may be the cause. */
export const CRASHES_MAX = 5;

/** What a claimed delivery needs to be sent; `unfit` says why its payload does not fit the schema of its type. */
export type Load = {
  delivery: ClaimedDelivery;
  target: Target;
  event: EventToSend;
  unfit: string | null;
};

/** Makes the attempt, or what stands for one where nothing can be sent. */
export async function send(
  context: SendContext,
  { delivery, target, event, unfit }: Load,
): Promise<Settlement> {
  const { clock, random, worker } = context;
  const startedAt = clock.now();
  const span = traceAttempt(event.traceparent);
  const settle = (attempted: Attempted) => {
    const settlement = settlementOf(attempted, {
      delivery,
      target,
      startedAt,
      endedAt: clock.now(),
      worker,
      isOwnEvent: isReservedType(event.type),
      random,
    });
    span.end(settlement, settlement.attempt.reason, () => attributesOf(settlement, target));
    return settlement;
  };

  if (delivery.crashes >= CRASHES_MAX)
    return settle(
      unsent(
        "worker_crashed",
        `${CRASHES_MAX} workers in a row stopped while they had this delivery`,
      ),
    );
  if (unfit !== null) return settle(unsent("schema", unfit));
  return settle(
    await attempt(context, target, event, {
      number: delivery.attempts_made + 1,
      sequence: delivery.sequence,
      sentAt: startedAt,
      now: () => clock.now(),
      traceparent: context.tracesReceivers ? span.traceparent() : null,
      mayResend: async () => {
        const again = [{ ...delivery, version: target.version }];
        return (await whichMayBeSent(context, again)).has(delivery.id);
      },
    }),
  );
}

/** Builds the request, sends it, and judges what came back. Never throws. */
export async function attempt(
  { egress, http }: Pick<SendContext, "egress" | "http">,
  target: Target,
  event: EventToSend,
  facts: {
    number: number;
    sequence?: number;
    sentAt: Date;
    now: () => Date;
    traceparent?: string | null;
    mayResend?: () => Promise<boolean>;
  },
): Promise<Attempted> {
  const { number, sequence, sentAt, now, traceparent = null, mayResend } = facts;
  const built = build(target, event, { attempt: number, sequence, sentAt, http, traceparent });
  if (built.kind === "unbuildable") return unsent(built.reason, built.error);
  const exchange = await egress.post(built.request, mayResend);
  const outcome = judgeExchange(
    exchange,
    (status) => target.preset !== undefined && isSuccess(target.preset, status),
    now().getTime(),
  );
  const { bodySha256, keyVersion, signature } = built;
  return { outcome, keyVersion, signature, bodySha256, traceparent };
}

// Neither the URL nor anything that was sent or answered: a trace is read by more people than these.
function attributesOf({ delivery, attempt, verdict }: Settlement, target: Target) {
  return {
    "posthorn.tenant": delivery.tenant,
    "posthorn.event_id": formatId("evt", delivery.event_id),
    "posthorn.delivery_id": formatId("dlv", delivery.id),
    "posthorn.webhook_id": target.id,
    "posthorn.attempt": attempt.number,
    "posthorn.verdict": verdict,
    "server.address": target.host,
    ...(attempt.status !== null && { "http.response.status_code": attempt.status }),
  };
}

function unsent(reason: FailureReason, error: string): Attempted {
  const outcome: Outcome = { kind: "failed", reason, error, exchange: null, retryAfterMs: null };
  return { outcome, keyVersion: null, signature: null, bodySha256: null, traceparent: null };
}
