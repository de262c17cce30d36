// AIsoule's webhooks: 200 and nothing else, within five seconds.
import { enveloped, iso } from "./envelope.ts";
import { messagesDev } from "./messages-dev.ts";
import type { Preset } from "./types.ts";

/** In all else as `messages-dev`: `{"event":"message.received","timestamp":"2020-10-25T21:24:54Z","data":{…}}` */
export const aisoule: Preset = {
  ...messagesDev,
  name: "aisoule",
  success: "200",
  timeoutMs: 5_000,
  retryScheduleS: [10, 60, 300],
  body: ({ type, timestamp, payload }) =>
    `{"event":${JSON.stringify(type)},"timestamp":"${wholeSeconds(timestamp)}","data":${payload}}`,
  open: enveloped(({ event, timestamp, data }) => [event, iso(timestamp, "string"), data]),
};

/** Cuts the milliseconds off, never rounds: an event is not dated after it happened. */
function wholeSeconds(date: Date): string {
  return date.toISOString().replace(/\.\d{3}Z$/, "Z");
}
