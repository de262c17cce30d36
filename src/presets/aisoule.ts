// AIsoule's webhooks: 200 and nothing else, within five seconds.
import { enveloped, isoFromText, opened } from "./envelope.ts";
import { hexOfBody } from "./hex-of-body.ts";
import { textKey } from "./text-key.ts";
import type { Preset } from "./types.ts";

/** `{"event":"message.received","timestamp":"2020-10-25T21:24:54Z","data":{…}}` */
export const aisoule: Preset = {
  name: "aisoule",
  httpsOnly: true,
  generatesKey: true,
  success: "200",
  timeoutMs: 5_000,
  retryScheduleS: [10, 60, 300],
  keyOverlap: false,
  signatureHeader: "X-Webhook-Signature",
  signature: hexOfBody,
  ...textKey,
  body: ({ type, timestamp, payload }) =>
    `{"event":${JSON.stringify(type)},"timestamp":"${wholeSeconds(timestamp)}","data":${payload}}`,
  open: enveloped(({ event, timestamp, data }) => opened(event, isoFromText(timestamp), data)),
};

/** Cuts the milliseconds off, never rounds: an event is not dated after it happened. */
function wholeSeconds(date: Date): string {
  return date.toISOString().replace(/\.\d{3}Z$/, "Z");
}
