// Airy's webhooks, the default: receivers written for Airy work unchanged.
import { enveloped, iso } from "./envelope.ts";
import { digestAfter } from "./digest-after.ts";
import { textKey } from "./text-key.ts";
import type { Preset } from "./types.ts";

/** `{"type":"message.created","timestamp":1603661094560,"payload":{…}}` */
export const airy: Preset = {
  name: "airy",
  httpsOnly: false,
  generatesKey: false,
  success: "2xx", // as Airy's code does; its documentation says 200
  timeoutMs: 10_000,
  retryScheduleS: [5, 30, 120, 600, 1_800, 7_200, 21_600, 43_200, 86_400],
  keyOverlap: false,
  signatureHeader: "X-Airy-Content-Signature",
  signature: digestAfter(),
  ...textKey,
  body: ({ type, timestamp, payload }) =>
    `{"type":${JSON.stringify(type)},"timestamp":${timestamp.getTime()},"payload":${payload}}`,
  open: enveloped(({ type, timestamp, payload }) => [type, iso(timestamp, "number"), payload]),
};
