// The claim: a worker takes due deliveries under a lease. One statement, and the lease is in no index.
import type pg from "pg";

import { SECOND } from "../kernel/duration.ts";
import { plainArray } from "../database/array-literal.ts";
import { CLAIM, CLAIM_SINCE } from "./claim-statement.ts";
import { LEASES_ALONE, type Holder } from "./roll.ts";

/**
 * How long a claimed delivery is one worker's. Longer than any attempt can take (a timeout is at most 30 s, and covers
 * the name and the connection too) with time left to settle it, so a lease never needs renewing.
 */
const LEASE_MS = 45 * SECOND;

// Deliveries of one claim: 50 take the database a millisecond, and larger batches only wait in memory.
const CLAIM_MAX = 250;

const CLAIM_BYTES_MAX = 8 * 1024 * 1024; // payloads of one claim: 250 of the largest would be 64 MB

const PASSED_BY_MAX = 250; // webhooks looked at in vain by one claim, some 10 µs each; the next goes on behind them

/** A delivery under lease. `fence` is the lease's number: a settle with an older one changes nothing. */
export type ClaimedDelivery = {
  id: string;
  fence: number;
  tenant: string;
  event_id: string;
  webhook_id: number;
  webhook_version: string;
  /** Whether the webhook has had a success since it was made, released, or last gave no answer in time. */
  proven: boolean;
  attempts_made: number;
  crashes: number;
  /** 1, 2, 3, … per webhook; the same in every attempt, and durable before the first. */
  sequence: number;
  /** Null where the webhook has no order; else it is its lane's one head. */
  lane: number | null;
  /**
   * From when on a first attempt could be made, in Unix milliseconds: the driver takes a microsecond to read a time of each row. Null where
   * it is none, or waited for an order, a rate or what is live.
   */
  startable_ms: number | null;
};

/** How many deliveries a worker can take, in all and of each webhook. */
export type ClaimLimits = {
  limit: number;
  /**
   * Slots of the webhooks behind `afterWebhook` that have others than `otherSlots`, by id: if the database has it as proven, and if not, which may be news.
   * One with none is passed by at the price of a probe.
   */
  slots: Readonly<Record<string, readonly [proven: number, unproven: number]>>;
  /** Slots of each other webhook, by whether it is proven. */
  otherSlots: { proven: number; unproven: number };
  /** How many of unproven webhooks together. */
  unprovenMax: number;
  /** Webhooks with greater ids come first, so that low ones don't win for ever. */
  afterWebhook: number;
  /**
   * Where given, only these webhooks are looked at, and of each only what is due since then: what a transaction left open
   * elsewhere keeps of all that was delivered before is not walked through.
   */
  since?: ReadonlyMap<number, Date> | undefined;
};

type Row = Omit<ClaimedDelivery, "id"> & {
  id: string | null; // null in the one row of a claim that found nothing
  /** Of the claim as a whole; in the first row. */
  whole: {
    clock: string;
    took_ms: number;
    looked_at: number;
    last_webhook: number | null;
    payload_bytes: number;
    has_queued: boolean;
    misplaced: number[];
  } | null;
};

export type Claim = {
  deliveries: ClaimedDelivery[];
  /** How many webhooks it looked at. */
  lookedAt: number;
  /** The webhook that a limit cut the claim short at: the next goes on behind it. Null where it came round. */
  cutAfter: number | null;
  /** The database's time of the claim, for which the worker keeps its own from drifting. */
  clock: Date;
  /** What the database took to look at webhooks and rows. */
  tookMs: number;
  /** Whether deliveries are queued behind others of their lane. */
  hasQueued: boolean;
  /** Ordered webhooks that have ready rows outside of their lanes: these are not claimed, see requeueAll. */
  misplaced: number[];
};

/** Claims due deliveries, round-robin over webhooks, under a lease of 45 s each; none where an installation may not send. */
export async function claimDue(
  pool: pg.Pool,
  limits: ClaimLimits,
  { worker, dead }: Holder = LEASES_ALONE(),
  installation: string | null = null,
): Promise<Claim> {
  const limit = Math.min(limits.limit, CLAIM_MAX);
  const full = Object.values(limits.slots).filter(([most, least]) => most + least === 0).length;
  const looksMax = limit + Math.min(full, PASSED_BY_MAX);
  const { afterWebhook, since } = limits;
  const given = [...(since ?? [])].filter(([id]) => id > afterWebhook).sort(([a], [b]) => a - b);
  const { rows } = await pool.query<Row>({
    name: since ? "claim since" : "claim",
    text: since ? CLAIM_SINCE : CLAIM,
    values: [
      since ? plainArray(given.map(([id]) => id)) : afterWebhook,
      JSON.stringify(limits.slots),
      limits.otherSlots.proven,
      limits.otherSlots.unproven,
      limits.unprovenMax,
      looksMax,
      limit,
      CLAIM_BYTES_MAX,
      LEASE_MS,
      worker,
      plainArray(dead),
      installation,
      ...(since ? [plainArray(given.map(([, time]) => time))] : []),
    ],
  });
  const whole = rows[0]?.whole;
  if (!whole) throw new Error("an aggregate without a row");
  const deliveries = rows.filter((row): row is Row & ClaimedDelivery => row.id !== null);
  const isFull = deliveries.length >= limit || whole.payload_bytes >= CLAIM_BYTES_MAX;
  const reached = isFull ? deliveries.at(-1)?.webhook_id : whole.last_webhook;
  const isCut = isFull || whole.looked_at >= looksMax;
  return {
    deliveries,
    cutAfter: isCut ? (reached ?? null) : null,
    clock: new Date(whole.clock),
    tookMs: whole.took_ms,
    lookedAt: whole.looked_at,
    hasQueued: whole.has_queued,
    misplaced: whole.misplaced,
  };
}
