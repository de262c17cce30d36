// Standard Webhooks (standardwebhooks.com): verified by its libraries and Svix's in every language.
import { digestAfter } from "./digest-after.ts";
import { fromBase64, isBase64, toBase64 } from "./encoding.ts";
import { enveloped, iso } from "./envelope.ts";
import type { KeyForm, Preset, SignatureScheme } from "./types.ts";

const GENERATED_KEY_BYTES = 32; // the specification asks for 24 to 64

const version1 = digestAfter("v1,", "base64", (id, timestamp) => `${id}.${timestamp}.`);

/** `v1,<base64>` of `id.timestamp.body`; several, one per key, are space-separated. */
const standardSignature: SignatureScheme = {
  ...version1,
  write: (digests, timestamp) =>
    digests.map((digest) => version1.write([digest], timestamp)).join(" "),
  // Signatures of other versions may stand beside (v1a is asymmetric), and count for nothing here.
  read: (value, timestamp) => value.split(" ").flatMap((part) => version1.read(part, timestamp)),
};

/** The base64 of 24 to 64 bytes, with or without `whsec_` before it. */
const whsecKey: KeyForm = {
  checkKey(key) {
    const text = withoutPrefix(key);
    const size = isBase64(text) ? fromBase64(text).length : 0;
    if (size >= 24 && size <= 64) return null;
    return "is not the base64 of 24 to 64 bytes (with or without whsec_ before it)";
  },
  generateKey: (randomBytes) => `whsec_${toBase64(randomBytes(GENERATED_KEY_BYTES))}`,
  keyBytes: (key) => fromBase64(withoutPrefix(key)),
};

/** `{"type":"message.created","timestamp":"2020-10-25T21:24:54.560Z","data":{…}}` */
export const standard: Preset = {
  name: "standard",
  httpsOnly: false,
  generatesKey: true,
  success: "2xx",
  timeoutMs: 15_000,
  retryScheduleS: [5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400],
  keyOverlap: true,
  signatureHeader: "Webhook-Signature",
  signature: standardSignature,
  ...whsecKey,
  body: ({ type, timestamp, payload }) =>
    `{"type":${JSON.stringify(type)},"timestamp":"${timestamp.toISOString()}","data":${payload}}`,
  open: enveloped(({ type, timestamp, data }) => [type, iso(timestamp, "string"), data]),
};

function withoutPrefix(key: string): string {
  return key.startsWith("whsec_") ? key.slice("whsec_".length) : key;
}
