// Messages.dev's webhooks: one webhook per line, always signed.
import { airy } from "./airy.ts";
import { enveloped, iso } from "./envelope.ts";
import type { Preset } from "./types.ts";

/** In all else as `airy`: `{"event":"message.received","data":{…},"timestamp":1603661094560}` */
export const messagesDev: Preset = {
  ...airy,
  name: "messages-dev",
  httpsOnly: true,
  generatesKey: true,
  signatureHeader: "X-Webhook-Signature",
  body: ({ type, timestamp, payload }) =>
    `{"event":${JSON.stringify(type)},"data":${payload},"timestamp":${timestamp.getTime()}}`,
  open: enveloped(({ event, data, timestamp }) => [event, iso(timestamp, "number"), data]),
};
