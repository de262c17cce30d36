// What a webhook's form holds, and what of it goes to the service.
import { ENCODINGS, ENVELOPE_NAMES, SIGNED, type PresetSettings } from "../../../presets/custom.ts";
import type { Input, Output } from "../../api/operations.ts";

export type Header = { name: string; value: string };

export type Values = {
  url: string;
  name: string;
  events: string[];
  channels: string[];
  headers: Header[];
  preset: Output<"webhooks.info">["preset"];
  /** Of the preset `custom` alone; "" stands for a header that is not sent. */
  preset_settings: PresetSettings;
  /** One's own key; "": one is made. Of a new webhook only. */
  signature_key: string;
  order: Output<"webhooks.info">["order"];
  rate_limit_per_s: string;
  timeout_ms: string;
};

export const FIELDS = [
  "url",
  "name",
  "events",
  "channels",
  "headers",
  "preset",
  "preset_settings.signature_header",
  "preset_settings.prefix",
  "preset_settings.id_header",
  "preset_settings.timestamp_header",
  "preset_settings",
  "signature_key",
  "order",
  "rate_limit_per_s",
  "timeout_ms",
];

const NO_SETTINGS: PresetSettings = {
  signature_header: "",
  id_header: "",
  timestamp_header: "",
  prefix: "",
  encoding: ENCODINGS[0],
  signed: SIGNED[0],
  envelope: ENVELOPE_NAMES[0],
};

/** An empty form. */
export const NEW: Values = {
  url: "",
  name: "",
  events: [],
  channels: [],
  headers: [],
  preset: "standard",
  preset_settings: NO_SETTINGS,
  signature_key: "",
  order: "none",
  rate_limit_per_s: "",
  timeout_ms: "",
};

/** The form of a webhook that there is. */
export function valuesOf(webhook: Output<"webhooks.info">): Values {
  return {
    url: webhook.url,
    name: webhook.name ?? "",
    events: webhook.events,
    channels: webhook.channels,
    headers: Object.entries(webhook.headers).map(([name, value]) => ({ name, value })),
    preset: webhook.preset,
    preset_settings: webhook.preset_settings ?? NO_SETTINGS,
    signature_key: "",
    order: webhook.order,
    rate_limit_per_s: text(webhook.rate_limit_per_s),
    timeout_ms: text(webhook.timeout_ms),
  };
}

/** Fields as both subscribe and update take them. */
function given(values: Values) {
  return {
    url: values.url.trim(),
    name: values.name.trim() || null,
    events: values.events,
    channels: values.channels,
    headers: headersOf(values.headers),
    preset: values.preset,
    preset_settings: settingsOf(values),
    order: values.order,
    rate_limit_per_s: number(values.rate_limit_per_s),
    timeout_ms: number(values.timeout_ms),
  };
}

/** The settings of the form's preset, null where it has none. */
export function settingsOf({ preset, preset_settings: settings }: Values): PresetSettings | null {
  if (preset !== "custom") return null;
  return {
    ...settings,
    signature_header: settings.signature_header.trim(),
    id_header: settings.id_header?.trim() || null,
    timestamp_header: settings.timestamp_header?.trim() || null,
  };
}

export function subscribeInput(
  values: Values,
  idempotencyKey: string,
): Input<"webhooks.subscribe"> {
  const key = values.signature_key;
  return {
    ...given(values),
    ...(key === "" ? { generate_signature_key: true } : { signature_key: key }),
    idempotency_key: idempotencyKey,
  };
}

/** What was changed, and nothing else: what somebody changes meanwhile stays. */
export function updateInput(id: string, before: Values, after: Values): Input<"webhooks.update"> {
  const old = given(before);
  const changed = Object.entries(given(after)).filter(
    ([name, value]) => JSON.stringify(value) !== JSON.stringify(old[name as keyof typeof old]),
  );
  return { id, ...Object.fromEntries(changed) };
}

function headersOf(headers: Header[]): Record<string, string> {
  const named = headers.filter(({ name, value }) => name.trim() !== "" || value !== "");
  return Object.fromEntries(named.map(({ name, value }) => [name.trim(), value]));
}

const text = (value: number | null) => (value === null ? "" : String(value));
// What is no number goes as it is: the service says what is wrong with it.
const number = (value: string) => (value.trim() === "" ? null : Number(value));
