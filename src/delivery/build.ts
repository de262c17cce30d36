// From an event and a target to the request: its failures are values.
import { hash } from "node:crypto";

import type { EgressRequest } from "../egress/exchange.ts";
import { formatId } from "../kernel/ids.ts";
import { userAgent, withOwnHeaders } from "../kernel/request-headers.ts";
import { VERSION } from "../kernel/version.ts";
import { bodyOf, buildRequest } from "../presets/build.ts";
import { UnusableKeyError } from "../presets/hmac.ts";
import type { OutgoingEvent, Preset } from "../presets/index.ts";
import { demandsHttps, type HttpRule } from "../presets/policy.ts";
import type { EventToSend } from "../store/events-to-send.ts";
import type { Secrets, Target } from "./target.ts";

const USER_AGENT = userAgent(VERSION);

export type Built =
  | {
      kind: "built";
      request: EgressRequest;
      /** In hex. */
      bodySha256: string;
      keyVersion: number | null;
      signature: string | null;
    }
  | { kind: "unbuildable"; reason: "body" | "key"; error: string };

/** Builds attempt number `attempt` of an event for a target, as sent at `sentAt`. */
export function build(
  target: Target,
  event: EventToSend,
  facts: {
    attempt: number;
    sequence: number | undefined;
    sentAt: Date;
    http: HttpRule;
    traceparent: string | null;
  },
): Built {
  const { secrets, preset } = target;
  if (!secrets)
    return unbuildable("key", "the stored secrets can't be decrypted with POSTHORN_SECRETS_KEY");
  if (!preset)
    return unbuildable("body", "this worker does not know the webhook's preset; upgrade it");
  if (event.payload === null) return unbuildable("body", "the event's payload is gone");
  try {
    const made = contentOf(preset, event, event.payload);
    const { body, headers } = buildRequest(
      preset,
      made.event,
      {
        keys: keysAt(secrets, facts.sentAt),
        attempt: facts.attempt,
        sentAt: facts.sentAt,
        sequence: facts.sequence,
      },
      made.body,
    );
    const ours: Record<string, string> = Object.assign({ "User-Agent": USER_AGENT }, headers);
    if (facts.traceparent !== null) ours["traceparent"] = facts.traceparent;
    const request: EgressRequest = {
      url: target.url,
      headers: withOwnHeaders(ours, secrets.headers),
      body,
      timeoutMs: target.timeoutMs,
      httpsOnly: demandsHttps(preset, facts.http),
    };
    const signature = headers[preset.signatureHeader] ?? null;
    const { keyVersion } = secrets;
    return { kind: "built", request, bodySha256: made.sha256, keyVersion, signature };
  } catch (error) {
    if (error instanceof UnusableKeyError) return unbuildable("key", error.message);
    return unbuildable("body", "the preset could not build a body from this event");
  }
}

type Content = { preset: Preset; event: OutgoingEvent; body: Buffer; sha256: string };

// Of the preset that it was made with last: a claim reads an event once, and most of an event's webhooks have one preset.
const contents = new WeakMap<EventToSend, Content>();

// What an event's deliveries to many webhooks share: all but the signature and a few headers.
function contentOf(preset: Preset, stored: EventToSend, payload: string): Content {
  const known = contents.get(stored);
  if (known?.preset === preset) return known;
  const { type, timestamp } = stored;
  const event = { id: formatId("evt", stored.id), type, timestamp, payload };
  const body = bodyOf(preset, event);
  const content = { preset, event, body, sha256: hash("sha256", body, "hex") };
  contents.set(stored, content);
  return content;
}

// The newest first; the preset's header takes as many as it can carry.
function keysAt({ key, previousKey }: Secrets, sentAt: Date): string[] {
  if (key === null) return [];
  return previousKey && previousKey.expiresAt > sentAt ? [key, previousKey.key] : [key];
}

function unbuildable(reason: "body" | "key", error: string): Built {
  return { kind: "unbuildable", reason, error };
}
