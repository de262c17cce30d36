// What a webhook may hold: judged here, and shown to whoever fills in a form.
import { CHANNEL_MAX } from "../kernel/fields.ts";
import { HEADER_BYTES_MAX, HEADER_NAME_MAX, HEADERS_MAX } from "../egress/headers.ts";

/** The largest and least that a webhook's fields can be: characters of a text, entries of a list. */
export const LIMITS = {
  name: 200,
  url: 2_048,
  signature_key: 256,
  headers: HEADERS_MAX,
  header_bytes: HEADER_BYTES_MAX,
  header_name: HEADER_NAME_MAX,
  prefix: 64, // of a signature: GitHub's has 7 characters, Stripe's 18
  filter: 100, // entries of events and of channels: 10,000 routes a webhook at most
  channel: CHANNEL_MAX,
  waits: 20,
  wait_s: 604_800, // a week
  timeout_min_ms: 1_000,
  timeout_max_ms: 30_000,
  rate_per_s: 10_000,
  overlap_s: 604_800, // a week: a key that is replaced has to go some day
  external_id: 255,
  // Fifty names of 40 characters with 500 each, as Stripe has it, so that what is noted there can be noted here.
  metadata: 50,
  metadata_name: 40,
  metadata_value: 500,
};
