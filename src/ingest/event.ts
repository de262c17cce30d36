// What a message is as an event: where its parts are found, and what makes it none. Pure.
import { createHash } from "node:crypto";

import { holdsInfinity, textDepthExceeds } from "../kernel/json.ts";
import type { Message } from "./broker.ts";

/** Where a part of the event stands in a message. */
export type Place = { kind: "subject" } | { kind: "header"; name: string };

/** How messages become events. */
export type Mapping = {
  type: Place | { kind: "fixed"; type: string };
  channel: Place | undefined;
  /** What names a message; what its broker says, unless given. */
  id: Place | { kind: "body" } | undefined;
  /** What ids are unique in: the same id of two sources is two events. */
  source: string;
};

/** What events.publish_many takes. */
export type Event = {
  type: string;
  payload: unknown;
  channel?: string;
  timestamp?: string;
  idempotency_key: string;
};

export type Made = { event: Event } | { reason: string };

const BODY_BYTES_MAX = 768 * 1024; // three times what a payload may have, white space included: the service says what it takes
const DEPTH_MAX = 1_000; // twice what a payload may have: far beyond, it can't even be printed again
const KEY_LENGTH_MAX = 255; // of an idempotency_key

/** The event that a message is, or the reason why it is none. No reason repeats what the message holds. */
export function eventOf(message: Message, mapping: Mapping): Made {
  const type = mapping.type.kind === "fixed" ? mapping.type.type : partOf(message, mapping.type);
  if (type === undefined) return { reason: missing("type", mapping.type) };
  const channel = mapping.channel && partOf(message, mapping.channel);
  const id = idOf(message, mapping.id);
  if (id === undefined)
    return {
      reason:
        mapping.id === undefined
          ? "nothing names it, so that it could not be known again; have its publisher set an id, or say --id-from"
          : missing("id", mapping.id),
    };
  const read = payloadOf(message.body);
  if ("reason" in read) return read;
  const { at } = message;
  return {
    event: {
      type,
      payload: read.payload,
      ...(channel !== undefined && { channel }),
      ...(at && !Number.isNaN(at.getTime()) && { timestamp: at.toISOString() }),
      idempotency_key: keyOf(mapping.source, id),
    },
  };
}

function partOf({ subject, headers }: Message, place: Place): string | undefined {
  return place.kind === "subject" ? subject : headers.get(place.name.toLowerCase());
}

function missing(part: string, place: { kind: string; name?: string }): string {
  return `it has no header ${place.name}, which tells its ${part}`;
}

function idOf(message: Message, from: Mapping["id"]): string | undefined {
  if (from === undefined) return message.id;
  if (from.kind === "body") return createHash("sha256").update(message.body).digest("hex");
  return partOf(message, from);
}

function payloadOf(body: Uint8Array): { payload: unknown } | { reason: string } {
  if (body.length > BODY_BYTES_MAX)
    return { reason: `it has ${body.length} bytes, far above the 256 KiB of a payload` };
  let payload: unknown;
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(body);
    if (textDepthExceeds(text, DEPTH_MAX))
      return { reason: `it nests more than ${DEPTH_MAX} levels deep` };
    payload = JSON.parse(text);
  } catch (error) {
    return { reason: error instanceof SyntaxError ? "it is no JSON" : "it is no UTF-8" };
  }
  if (holdsInfinity(payload))
    return { reason: "it holds a number beyond 1.8e308, which no IEEE double is" };
  return { payload };
}

function keyOf(source: string, id: string): string {
  const key = `${source}:${id}`;
  if (key.length <= KEY_LENGTH_MAX) return key;
  return `sha256:${createHash("sha256").update(key).digest("hex")}`;
}
