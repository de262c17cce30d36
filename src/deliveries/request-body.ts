// What attempts sent: the body made again from the stored payload, and whether it is what went out.
import { hash } from "node:crypto";

import { rawString } from "../kernel/raw-json.ts";
import { PRESETS, type PresetName } from "../presets/index.ts";
import type { OutgoingEvent } from "../presets/types.ts";
import type { AttemptRow } from "../store/attempts.ts";
import type { Attempt } from "./schema.ts";

/** An event as its attempts sent it, under its public id; the payload is null once it is gone. */
export type SentEvent = Omit<OutgoingEvent, "payload"> & { payload: string | null };

export type RequestBody = Pick<Attempt, "request_body" | "body_is">;
type Made = { text: string | null; sha256: string };

const GONE: RequestBody = { request_body: null, body_is: "gone" };

/** Makes the bodies of an event's attempts, each preset's once: an attempt's own facts stand in its headers alone. */
export function createBodies(
  event: SentEvent | undefined,
): (attempt: Pick<AttemptRow, "preset" | "body_sha256">) => RequestBody {
  const made = new Map<string, Made | undefined>();
  return ({ preset, body_sha256 }) => {
    if (!made.has(preset)) made.set(preset, make(event, preset));
    const body = made.get(preset);
    if (!body) return GONE;
    return {
      request_body: body.text,
      body_is: body.sha256 === body_sha256 ? "as_sent" : "rebuilt",
    };
  };
}

function make(event: SentEvent | undefined, preset: string): Made | undefined {
  if (!event || event.payload === null || !Object.hasOwn(PRESETS, preset)) return undefined;
  try {
    const body = PRESETS[preset as PresetName].body({ ...event, payload: event.payload });
    return { text: rawString(body), sha256: hash("sha256", body, "hex") };
  } catch {
    return undefined; // what can't be built now shows in the attempt itself, which failed of it
  }
}
