// What attempts sent: the body made again from the stored payload, and whether it is what went out.
import { hash } from "node:crypto";

import { rawString } from "../kernel/raw-json.ts";
import { findPreset } from "../presets/index.ts";
import type { OutgoingEvent } from "../presets/types.ts";
import type { AttemptRow } from "../store/attempts.ts";
import type { Attempt } from "./schema.ts";

/** An event as its attempts sent it, under its public id; the payload is null once it is gone. */
export type SentEvent = Omit<OutgoingEvent, "payload"> & { payload: string | null };

export type RequestBody = Pick<Attempt, "request_body" | "body_is">;
type Sent = Pick<AttemptRow, "preset" | "preset_settings" | "body_sha256">;
type Made = { text: string | null; sha256: string };

const GONE: RequestBody = { request_body: null, body_is: "gone" };

/** Makes the bodies of an event's attempts, each preset's once: an attempt's own facts stand in its headers alone. */
export function createBodies(event: SentEvent | undefined): (attempt: Sent) => RequestBody {
  const made = new Map<string, Made | undefined>();
  return (attempt) => {
    const { preset, preset_settings: settings, body_sha256 } = attempt;
    const form = settings ? JSON.stringify(settings) : preset;
    if (!made.has(form)) made.set(form, make(event, attempt));
    const body = made.get(form);
    if (!body) return GONE;
    return {
      request_body: body.text,
      body_is: body.sha256 === body_sha256 ? "as_sent" : "rebuilt",
    };
  };
}

function make(event: SentEvent | undefined, attempt: Sent): Made | undefined {
  const preset = findPreset(attempt);
  if (!event || event.payload === null || !preset) return undefined;
  try {
    const body = preset.body({ ...event, payload: event.payload });
    return { text: rawString(body), sha256: hash("sha256", body, "hex") };
  } catch {
    return undefined; // what can't be built now shows in the attempt itself, which failed of it
  }
}
