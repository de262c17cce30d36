// Messages.dev's webhooks: one webhook per line, always signed.
import { airy } from "./airy.ts";
import { enveloped, isoFromEpochMs, opened } from "./envelope.ts";
import { hexOfBody } from "./hex-of-body.ts";
import { textKey } from "./text-key.ts";
import type { Preset } from "./types.ts";

/** `{"event":"message.received","data":{…},"timestamp":1603661094560}` */
export const messagesDev: Preset = {
  name: "messages-dev",
  httpsOnly: true,
  generatesKey: true,
  success: "2xx",
  timeoutMs: 10_000,
  retryScheduleS: airy.retryScheduleS,
  keyOverlap: false,
  signatureHeader: "X-Webhook-Signature",
  signature: hexOfBody,
  ...textKey,
  body: ({ type, timestamp, payload }) =>
    `{"event":${JSON.stringify(type)},"data":${payload},"timestamp":${timestamp.getTime()}}`,
  open: enveloped(({ event, data, timestamp }) => opened(event, isoFromEpochMs(timestamp), data)),
};
