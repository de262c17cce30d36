// Arguments of the command line, read, and what is wrong with a bad one. For commander, which says which one it was.
import { InvalidArgumentError } from "commander";

import type { Mapping, Place } from "../ingest/event.ts";
import { DAY, HOUR, MINUTE } from "../kernel/duration.ts";
import { instantInput, TENANT_PATTERN } from "../kernel/fields.ts";
import { parseId } from "../kernel/ids.ts";
import { wordsFor } from "../kernel/words.ts";
import type { PresetSettings } from "../presets/index.ts";
import { presetSettingsInput } from "../webhooks/preset-settings.ts";

const UNITS_MS: Record<string, number> = { m: MINUTE, h: HOUR, d: DAY };
const SPAN_MS_MAX = 36_500 * DAY; // a century: whoever means for ever leaves it out

/** A text that is more than white space. */
export function nonEmpty(text: string): string {
  if (text.trim() === "") throw new InvalidArgumentError("a name is needed.");
  return text;
}

/** A tenant's name. */
export function tenantName(text: string): string {
  if (!TENANT_PATTERN.test(text))
    throw new InvalidArgumentError("1 to 64 of a-z, 0-9, _ and - are needed.");
  return text;
}

/** One more value of an option that can be given several times. */
export function collect(text: string, before: string[]): string[] {
  return [...before, text];
}

/** A whole number from `min` to `max`. */
export function integer(min: number, max: number) {
  return (text: string): number => {
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= min && value <= max) return value;
    throw new InvalidArgumentError(`a whole number from ${min} to ${max} is needed.`);
  };
}

/** Where a part of an event stands in a broker's message. */
export function place(text: string): Place {
  const [, name] = /^header:(.+)$/.exec(text) ?? [];
  if (text === "subject") return { kind: "subject" };
  if (name !== undefined) return { kind: "header", name };
  throw new InvalidArgumentError("subject or header:NAME is needed.");
}

/** The same, or the body of the message. */
export function bodyOrPlace(text: string): Mapping["id"] {
  return text === "body" ? { kind: "body" } : place(text);
}

/** The id of an API key, read into the UUID that the store knows. */
export function keyId(text: string): string {
  const uuid = parseId("key", text);
  if (uuid !== undefined) return uuid;
  throw new InvalidArgumentError("an id like key_ and 32 lower-case hex digits is needed.");
}

/** A webhook's `preset_settings`, as JSON. */
export function presetSettings(text: string): PresetSettings {
  const { success, data, error } = presetSettingsInput.safeParse(parsed(text), { error: wordsFor });
  if (success && data) return data;
  const [issue] = error?.issues ?? [];
  const where = issue?.path.length ? `${issue.path.join(".")} ` : "";
  throw new InvalidArgumentError(
    `an object in JSON is needed, like {"signature_header": "X-Signature"}${issue ? `: ${where}${issue.message}` : ""}.`,
  );
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

/** An instant as long from now as the text says: `90d`, `12h`, `30m`. */
export function fromNow(text: string): Date {
  return new Date(Date.now() + spanMs(text));
}

/** A time in the past: an instant, or a span before now by the clock of who is asked. */
export type Past = { at: string } | { agoMs: number };

/** An instant, ISO 8601 with Z or an offset, or how long ago: `90d`, `12h`, `30m`. */
export function past(text: string): Past {
  return /^\d+[a-z]$/.test(text) ? { agoMs: spanMs(text) } : { at: instant(text).toISOString() };
}

function spanMs(text: string): number {
  const [, count = "", unit = ""] = /^(\d+)([mhd])$/.exec(text) ?? [];
  const ms = Number(count) * (UNITS_MS[unit] ?? 0);
  if (ms > 0 && ms <= SPAN_MS_MAX) return ms;
  throw new InvalidArgumentError("a span like 90d, 12h or 30m is needed, 36500d at most.");
}

/** An instant: ISO 8601 with Z or an offset. */
export function instant(text: string): Date {
  const { success, data, error } = instantInput.safeParse(text);
  if (success) return data;
  throw new InvalidArgumentError(`${error.issues[0]?.message}.`);
}
