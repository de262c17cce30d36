// What a preset is: a wire format and a policy, as plain data and pure functions.

/**
 * An event on its way out. `payload` is JSON text that goes into the body as it is, never parsed,
 * so that big numbers, the order of keys and escapes arrive as they were published.
 */
export type OutgoingEvent = { id: string; type: string; timestamp: Date; payload: string };

/**
 * What a body says, whatever its preset: `timestamp` is ISO 8601. Null is what the envelope does not tell, or what a body
 * without an envelope can't.
 */
export type OpenedEvent = { type: string | null; timestamp: string | null; payload: unknown };

/** What a preset takes as a key. */
export type KeyForm = {
  /** Says in words what is wrong with a key, or null; never quotes it. */
  checkKey(key: string): string | null;
  /** Makes a key out of the randomness given. */
  generateKey(randomBytes: (size: number) => Uint8Array): string;
  /** The bytes that go into the HMAC; only for a key that `checkKey` lets pass. */
  keyBytes(key: string): Uint8Array;
};

/** How an HMAC-SHA256 becomes a header's value, and a header's value HMACs again. */
export type SignatureScheme = {
  encoding: "hex" | "base64";
  /** What is signed before the body's bytes; null where the body alone is. */
  preamble: ((id: string, timestamp: string) => string) | null;
  /** The header's value; one digest per key, and only a preset with `keyOverlap` gets several. `timestamp` is that of `Webhook-Timestamp`. */
  write(digests: readonly string[], timestamp: string): string;
  /** The digests in a header's value, empty where it has none of exactly this form. */
  read(value: string, timestamp: string): string[];
};

/** A named wire format and policy. Durations are before a webhook's own settings and the jitter. */
export type Preset = KeyForm & {
  name: string;
  /** Plain http is refused, unless POSTHORN_HTTP lifts the rule. */
  httpsOnly: boolean;
  /** Needs a key, so one is generated where none is given. */
  generatesKey: boolean;
  /** The statuses that count as delivered. */
  success: "2xx" | "200";
  timeoutMs: number;
  /** Seconds to wait after the first, second, … failure; after the last the delivery is dead. */
  retryScheduleS: readonly number[];
  /** Its header can carry two signatures, so a rotation can let the old key sign beside the new one. */
  keyOverlap: boolean;
  signatureHeader: string;
  /** Carry the id and the timestamp of `Webhook-Id` and `Webhook-Timestamp` under a sender's own names as well. */
  idHeader?: string | null | undefined;
  timestampHeader?: string | null | undefined;
  signature: SignatureScheme;
  /** The body to send. */
  body(event: OutgoingEvent): string;
  /** Reads such a body's JSON back, or answers null where it is another preset's. */
  open(body: unknown): OpenedEvent | null;
};
