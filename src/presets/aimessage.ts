// AiMessage's webhooks: three attempts in all, then dropped.
import { airy } from "./airy.ts";
import { digestAfter } from "./digest-after.ts";
import { enveloped } from "./envelope.ts";
import type { Preset } from "./types.ts";

/** In all else as `airy`: `{"type":"message.received","data":{…}}` */
export const aimessage: Preset = {
  ...airy,
  name: "aimessage",
  retryScheduleS: [1, 5],
  signatureHeader: "X-Webhook-Signature",
  signature: digestAfter("sha256="),
  body: ({ type, payload }) => `{"type":${JSON.stringify(type)},"data":${payload}}`,
  open: enveloped(({ type, data }) => [type, null, data]),
};
