// One row per preset: a new preset is one row here, and every test of presets and of posthorn/verify runs over it.
// The digests come from Python's hmac and hashlib, so that the code is not its own judge.
import type { OutgoingEvent, Preset, NamedPreset } from "../../src/presets/index.ts";

export type Case = {
  key: string;
  /** Keys that this preset can't use. */
  badKeys: string[];
  /** The body and the signature of `EVENT`, sent at `SENT_AT`. */
  body: string;
  signature: string;
  /** Signatures close to that one, but not of its form. */
  malformed: string[];
  /** Signatures close to that one, and of its form. */
  forged: string[];
  /** The event's time as posthorn/verify tells it. */
  timestamp: string | null;
  /** The event's type as posthorn/verify tells it, where the body does not. */
  type?: null;
  policy: Partial<Preset>;
};

/** Numbers beyond a double, keys out of order, spaces and every way to escape: all of it is to arrive as it is. */
const PAYLOAD = String.raw`{ "big": 12345678901234567890, "huge": 1e400, "b": 1, "a": 2, "text": "Gr\u00fc\u00dfe \ud83d\udc4b ü👋\u0000\/" }`;

export const EVENT: OutgoingEvent = {
  id: "evt_0190163d8694739d9f1b2c3d4e5f6071",
  type: 'odd."type" \\ ü',
  timestamp: new Date(-1), // the last millisecond before 1970: whole seconds round down, not towards zero
  payload: PAYLOAD,
};
export const SENT_AT = new Date(1_700_000_000_999);

const TYPE = String.raw`"odd.\"type\" \\ ü"`;
const KEY = "Schlüssel 🔑";
const BAD_KEYS = ["", "k".repeat(257), "half a pair: \ud83d"];
const AIRY_WAITS = [5, 30, 120, 600, 1_800, 7_200, 21_600, 43_200, 86_400];

const airySignature = "296981b813324c5eb95e1bc2bc337606a82c35ba5b988d45bf4ffaa402c347f0";
const aimessageDigest = "393973cb79fb1c02ce7653302ef0cf4e8ff2844fbebf91dff8b1a80ae6d0b6a4";
const messagesDevSignature = "ae749c3f4eb4bd299bd357f82524d767aa6f45ab3d66b1bac739148ecb8678f3";
const aisouleSignature = "d4f117bbf0da950ab2ca136949d750efb2367f59099c05595135516cfbb4e167";
const svixDigest = "08sbsB1oLza3XsBkjnbNH6bYNB5lPjE57S48vTtOw/8=";
const standardDigest = "OpEHVHnuc0KWkYF/sJOPPNmGdjE6vhZYPXAPsYGh4p8=";

const WHSEC_KEY = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX";
const BAD_WHSEC_KEYS = [
  "",
  "whsec_",
  "not base64 at all, yet long enough",
  "AAECAwQFBgcICQoLDA0ODxAREhMUFRY=", // 23 bytes
  `${"AAAA".repeat(21)}AAA=`, // 65 bytes
  "AAECAwQFBgcICQoLDA0ODxAREhMUFRYX\n",
  "-_-_AwQFBgcICQoLDA0ODxAREhMUFRYX", // the alphabet of URLs
  "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGA", // unpadded
  "WHSEC_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX",
];

export const CASES: Record<NamedPreset, Case> = {
  airy: {
    key: KEY,
    badKeys: BAD_KEYS,
    body: `{"type":${TYPE},"timestamp":-1,"payload":${PAYLOAD}}`,
    signature: airySignature,
    malformed: notBareHex(airySignature),
    forged: [reversed(airySignature)],
    timestamp: "1969-12-31T23:59:59.999Z",
    policy: {
      httpsOnly: false,
      generatesKey: false,
      success: "2xx",
      timeoutMs: 10_000,
      retryScheduleS: AIRY_WAITS,
      keyOverlap: false,
      signatureHeader: "X-Airy-Content-Signature",
    },
  },
  standard: {
    key: WHSEC_KEY,
    badKeys: BAD_WHSEC_KEYS,
    body: `{"type":${TYPE},"timestamp":"1969-12-31T23:59:59.999Z","data":${PAYLOAD}}`,
    signature: `v1,${standardDigest}`,
    malformed: notVersion1(standardDigest),
    forged: forgedOf(standardDigest),
    timestamp: "1969-12-31T23:59:59.999Z",
    policy: {
      httpsOnly: false,
      generatesKey: true,
      success: "2xx",
      timeoutMs: 15_000,
      retryScheduleS: [5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400],
      keyOverlap: true,
      signatureHeader: "Webhook-Signature",
    },
  },
  aimessage: {
    key: KEY,
    badKeys: BAD_KEYS,
    body: `{"type":${TYPE},"data":${PAYLOAD}}`,
    signature: `sha256=${aimessageDigest}`,
    malformed: [
      aimessageDigest,
      `sha256=${aimessageDigest.slice(0, -1)}`,
      `sha256=${aimessageDigest}0`,
      `sha256=${aimessageDigest.toUpperCase()}`,
      `SHA256=${aimessageDigest}`,
      `sha1=${aimessageDigest}`,
      `sha512=${aimessageDigest}`,
      `sha256=sha256=${aimessageDigest}`,
      "sha256=",
    ],
    forged: [`sha256=${reversed(aimessageDigest)}`],
    timestamp: null,
    policy: {
      httpsOnly: false,
      generatesKey: false,
      success: "2xx",
      timeoutMs: 10_000,
      retryScheduleS: [1, 5],
      keyOverlap: false,
      signatureHeader: "X-Webhook-Signature",
    },
  },
  "messages-dev": {
    key: KEY,
    badKeys: BAD_KEYS,
    body: `{"event":${TYPE},"data":${PAYLOAD},"timestamp":-1}`,
    signature: messagesDevSignature,
    malformed: notBareHex(messagesDevSignature),
    forged: [reversed(messagesDevSignature)],
    timestamp: "1969-12-31T23:59:59.999Z",
    policy: {
      httpsOnly: true,
      generatesKey: true,
      success: "2xx",
      timeoutMs: 10_000,
      retryScheduleS: AIRY_WAITS,
      keyOverlap: false,
      signatureHeader: "X-Webhook-Signature",
    },
  },
  aisoule: {
    key: KEY,
    badKeys: BAD_KEYS,
    body: `{"event":${TYPE},"timestamp":"1969-12-31T23:59:59Z","data":${PAYLOAD}}`,
    signature: aisouleSignature,
    malformed: notBareHex(aisouleSignature),
    forged: [reversed(aisouleSignature)],
    timestamp: "1969-12-31T23:59:59.000Z",
    policy: {
      httpsOnly: true,
      generatesKey: true,
      success: "200",
      timeoutMs: 5_000,
      retryScheduleS: [10, 60, 300],
      keyOverlap: false,
      signatureHeader: "X-Webhook-Signature",
    },
  },
  svix: {
    key: WHSEC_KEY,
    badKeys: BAD_WHSEC_KEYS,
    body: PAYLOAD,
    signature: `v1,${svixDigest}`,
    malformed: notVersion1(svixDigest),
    forged: forgedOf(svixDigest),
    timestamp: null,
    type: null,
    policy: {
      httpsOnly: false,
      generatesKey: true,
      success: "2xx",
      timeoutMs: 15_000,
      retryScheduleS: [5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400],
      keyOverlap: true,
      idHeader: "svix-id",
      timestampHeader: "svix-timestamp",
      signatureHeader: "svix-signature",
    },
  },
};

/** The rows for `describe.each`. */
export const ROWS = Object.entries(CASES).map(([name, row]) => ({
  name: name as NamedPreset,
  ...row,
}));

function notBareHex(hex: string): string[] {
  return [
    hex.slice(0, -1),
    hex.slice(1),
    hex.slice(0, 32),
    `${hex}0`,
    `0${hex}`,
    `${hex}\n`,
    `${hex}, ${hex}`,
    hex.toUpperCase(),
    `sha256=${hex}`,
    `0x${hex}`,
  ];
}

function notVersion1(digest: string): string[] {
  return [
    digest,
    `v1,${digest.slice(0, -1)}`,
    `v1,${digest.slice(0, -2)}=`,
    `v1,${digest}=`,
    `v1,A${digest}`,
    `V1,${digest}`,
    `v2,${digest}`,
    `v1a,${digest}`,
    `v11,${digest}`,
    `v1=${digest}`,
    `v1,${digest},`,
    "v1,",
  ];
}

function forgedOf(digest: string): string[] {
  return [
    `v1,${digest.replace("8=", "9=")}`, // the same bytes, spelt with other padding bits
    `v1,${digest.toLowerCase()}`,
  ];
}

function reversed(text: string): string {
  return [...text].reverse().join("");
}
