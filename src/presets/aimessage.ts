// AiMessage's webhooks: three attempts in all, then dropped.
import { enveloped, opened } from "./envelope.ts";
import { textKey } from "./text-key.ts";
import type { Preset, SignatureScheme } from "./types.ts";

const prefixedHexOfBody: SignatureScheme = {
  encoding: "hex",
  preamble: null,
  write: (digests) => `sha256=${digests.join("")}`,
  read: (value) => (/^sha256=[0-9a-f]{64}$/.test(value) ? [value.slice("sha256=".length)] : []),
};

/** `{"type":"message.received","data":{…}}` */
export const aimessage: Preset = {
  name: "aimessage",
  httpsOnly: false,
  generatesKey: false,
  success: "2xx",
  timeoutMs: 10_000,
  retryScheduleS: [1, 5],
  keyOverlap: false,
  signatureHeader: "X-Webhook-Signature",
  signature: prefixedHexOfBody,
  ...textKey,
  body: ({ type, payload }) => `{"type":${JSON.stringify(type)},"data":${payload}}`,
  open: enveloped(({ type, data }) => opened(type, null, data)),
};
