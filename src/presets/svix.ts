// Svix's webhooks: the body is the payload as it was published. Receivers that verify with Svix's libraries work unchanged.
import { standard } from "./standard.ts";
import type { Preset } from "./types.ts";

/** In all else as `standard`. The body is the payload itself: it tells neither type nor time, unless the publisher put them into it. */
export const svix: Preset = {
  ...standard,
  name: "svix",
  idHeader: "svix-id",
  timestampHeader: "svix-timestamp",
  signatureHeader: "svix-signature",
  body: ({ payload }) => payload,
  open: (payload) => ({ type: null, timestamp: null, payload }),
};
