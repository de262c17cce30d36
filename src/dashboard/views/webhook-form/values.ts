// What a webhook's form holds, and what of it goes to the service.
import type { Input, Output } from "../../api/operations.ts";

export type Header = { name: string; value: string };

export type Values = {
  url: string;
  name: string;
  events: string[];
  channels: string[];
  headers: Header[];
  preset: Output<"webhooks.info">["preset"];
  /** One's own key; "": one is made. Of a new webhook only. */
  signature_key: string;
  order: Output<"webhooks.info">["order"];
  rate_limit_per_s: string;
  timeout_ms: string;
};

export const FIELDS: (keyof Values)[] = [
  "url",
  "name",
  "events",
  "channels",
  "headers",
  "preset",
  "signature_key",
  "order",
  "rate_limit_per_s",
  "timeout_ms",
];

/** An empty form. */
export const NEW: Values = {
  url: "",
  name: "",
  events: [],
  channels: [],
  headers: [],
  preset: "standard",
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
    order: values.order,
    rate_limit_per_s: number(values.rate_limit_per_s),
    timeout_ms: number(values.timeout_ms),
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
