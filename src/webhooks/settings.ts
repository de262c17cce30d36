// A webhook's settings as one value: what a subscribe asks for, and what an update makes of those there are. Pure.
import type { PresetName, PresetSettings } from "../presets/index.ts";
import type { DeliveryOrder, WebhookStatus } from "../database/schema.ts";
import type { SubscribeInput, UpdateInput } from "./schema.ts";

export type Settings = {
  name: string | null;
  status: WebhookStatus;
  paused: boolean;
  url: string;
  preset: PresetName;
  /** Of the preset `custom` alone. */
  preset_settings: PresetSettings | null;
  events: string[];
  channels: string[];
  /** "kept": those that are stored, sealed as they are. */
  headers: Record<string, string> | "kept";
  retry_schedule_s: number[] | null;
  timeout_ms: number | null;
  rate_limit_per_s: number | null;
  order: DeliveryOrder;
  external_id: string | null;
  metadata: Record<string, string>;
};

/** What becomes of the signature key. */
export type KeyChange =
  { kind: "keep" } | { kind: "remove" } | { kind: "generate" } | { kind: "set"; key: string };

const DEFAULTS: Omit<Settings, "url"> = {
  name: null,
  status: "Subscribed",
  paused: false,
  preset: "airy",
  preset_settings: null,
  events: [],
  channels: [],
  headers: {},
  retry_schedule_s: null,
  timeout_ms: null,
  rate_limit_per_s: null,
  order: "none",
  external_id: null,
  metadata: {},
};

/** The settings that a subscribe asks for: what it leaves out has its default. */
export function subscribedSettings(input: SubscribeInput): Settings {
  return patchedSettings({ ...DEFAULTS, url: input.url }, input);
}

/** The settings after an update: left out keeps, null clears, a value sets. */
export function patchedSettings(
  current: Settings,
  input: Omit<UpdateInput, "id" | "url"> & { url?: string | null | undefined },
): Settings {
  const fallback: Settings = { ...DEFAULTS, url: current.url };
  const field = <K extends keyof Settings>(
    name: K,
    value: Settings[K] | null | undefined,
  ): Settings[K] => {
    if (value === undefined) return current[name];
    return value ?? fallback[name];
  };
  const preset = field("preset", input.preset);
  // Another preset takes the settings with it.
  const { preset_settings: givenSettings = preset === "custom" ? undefined : null } = input;
  return {
    name: field("name", input.name),
    status: field("status", input.status),
    paused: field("paused", input.paused),
    url: field("url", input.url),
    preset,
    preset_settings: field("preset_settings", givenSettings),
    events: field("events", input.events),
    channels: field("channels", input.channels),
    headers: field("headers", input.headers),
    retry_schedule_s: field("retry_schedule_s", input.retry_schedule_s),
    timeout_ms: field("timeout_ms", input.timeout_ms),
    rate_limit_per_s: field("rate_limit_per_s", input.rate_limit_per_s),
    order: field("order", input.order),
    external_id: field("external_id", input.external_id),
    metadata: field("metadata", input.metadata),
  };
}

/** What a request says of the key; nothing said keeps it. */
export function keyChange(
  input: Pick<UpdateInput, "signature_key" | "generate_signature_key">,
): KeyChange {
  if (input.generate_signature_key) return { kind: "generate" };
  if (input.signature_key === undefined) return { kind: "keep" };
  if (input.signature_key === null) return { kind: "remove" };
  return { kind: "set", key: input.signature_key };
}
