// Svix's webhooks: the body is the payload as it was published. Receivers that verify with Svix's libraries work unchanged.
import { standard, standardSignature, whsecKey } from "./standard.ts";
import type { Preset } from "./types.ts";

/** The payload itself: it tells neither type nor time, unless the publisher put them into it. */
export const svix: Preset = {
  name: "svix",
  httpsOnly: false,
  generatesKey: true,
  success: "2xx",
  timeoutMs: standard.timeoutMs,
  retryScheduleS: standard.retryScheduleS,
  keyOverlap: true,
  idHeader: "svix-id",
  timestampHeader: "svix-timestamp",
  signatureHeader: "svix-signature",
  signature: standardSignature,
  ...whsecKey,
  body: ({ payload }) => payload,
  open: (payload) => ({ type: null, timestamp: null, payload }),
};
