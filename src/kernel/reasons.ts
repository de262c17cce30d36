// Why attempts fail and deliveries end undelivered: all the words there are.

/** Why an attempt failed, named by the phase in which it did. What is dead is so for one of these. */
export const FAILURE_REASONS = [
  "dns",
  "connect",
  "tls",
  "timeout",
  "status",
  "redirect",
  "policy",
  "body",
  "key",
  "schema",
  "worker_crashed",
] as const;

/** Why a delivery was cancelled. */
export const CANCEL_REASONS = [
  "unsubscribed",
  "deleted",
  "erased",
  "cancelled",
  "held_too_long",
] as const;

export type FailureReason = (typeof FAILURE_REASONS)[number];
export type CancelReason = (typeof CANCEL_REASONS)[number];
