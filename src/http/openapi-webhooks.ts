// What receivers get, for openapi.yaml: each preset's body, headers and signature, taken from what it really builds.
import { isDeepStrictEqual } from "node:util";

import { userAgent } from "../kernel/request-headers.ts";
import { VERSION } from "../kernel/version.ts";
import { buildRequest } from "../presets/build.ts";
import { SAMPLE_SETTINGS } from "../presets/custom.ts";
import { PRESET_NAMES, presetOf, type Preset } from "../presets/index.ts";
import { samples } from "../rpc/samples.ts";

type JsonObject = Record<string, unknown>;

const HEADERS: Record<string, string> = {
  "User-Agent": "This service, unless the webhook's own headers replace it.",
  "Webhook-Id": "The event's id: the same on every attempt, retry and replay. De-duplicate on it.",
  "Webhook-Timestamp": "When this attempt was made, in Unix seconds.",
  "Webhook-Attempt": "1, 2, …: which attempt of the delivery this is.",
  "Webhook-Sequence": "1, 2, …: the event's number among the webhook's; not of a `webhooks.test`.",
};

const event = {
  id: samples.event.id,
  type: samples.event.type,
  timestamp: new Date(samples.event.timestamp),
  payload: JSON.stringify(samples.event.payload),
};

/** The `webhooks` of the description: an entry for each preset. */
export function describeReceivers(): JsonObject {
  return Object.fromEntries(
    PRESET_NAMES.map((name) => presetOf({ preset: name, preset_settings: SAMPLE_SETTINGS })).map(
      (preset) => [preset.name, { post: describeReceiver(preset) }],
    ),
  );
}

function describeReceiver(preset: Preset): JsonObject {
  const key = sampleKey(preset);
  const facts = { attempt: 1, sentAt: event.timestamp };
  const { body, headers } = buildRequest(preset, event, { ...facts, keys: [key], sequence: 1 });
  const least = buildRequest(preset, event, { ...facts, keys: preset.generatesKey ? [key] : [] });
  const { "Content-Type": contentType = "", ...others } = headers;
  const example = JSON.parse(body.toString()) as JsonObject;
  return {
    operationId: `receive_${preset.name.replaceAll("-", "_")}`,
    summary: `An event, as the preset ${preset.name} sends it`,
    description: `Sent to the URL of a webhook with \`preset: ${preset.name}\`, with the webhook's own headers${ownForm(preset)}. The example is signed with the key \`${key}\`, and its body has no white space. Within ${preset.timeoutMs / 1_000} s an answer is needed.`,
    security: [],
    "x-internal": true, // openapi-generator would make calls of it, as if it were the API's; others tell it apart
    parameters: Object.entries({ "User-Agent": userAgent(VERSION), ...others }).map(
      ([name, value]) => ({
        name,
        in: "header",
        required: name === "User-Agent" || name in least.headers,
        description: describeHeader(preset, name),
        schema: { type: "string" },
        example: value,
      }),
    ),
    requestBody: {
      required: true,
      content: { [contentType]: { schema: describeBody(example), example } },
    },
    responses: {
      [preset.success.toUpperCase()]: { description: "Delivered." },
      410: { description: "Gone: the webhook is disabled, and what is published for it is held." },
      429: { description: "Too much: the webhook waits, as long as `Retry-After` says." },
      default: {
        description: `Failed, as redirects are too: sent again ${preset.retryScheduleS.join(", ")} s after the failures, unless the webhook has waits of its own; then the delivery is dead.`,
      },
    },
  };
}

function ownForm({ name }: Preset): string {
  if (name !== "custom") return "";
  return `, in the form of its \`preset_settings\`: here \`${JSON.stringify(SAMPLE_SETTINGS)}\``;
}

// Each member is recognised by what it holds of the event.
function describeBody(example: JsonObject): JsonObject {
  if (isDeepStrictEqual(example, samples.event.payload)) return describeMember(example);
  const properties = Object.entries(example).map(([name, value]) => [name, describeMember(value)]);
  return {
    type: "object",
    required: Object.keys(example),
    properties: Object.fromEntries(properties) as JsonObject,
  };
}

function describeMember(value: unknown): JsonObject {
  if (value === event.type) return { type: "string", description: "The event's type." };
  if (isDeepStrictEqual(value, samples.event.payload))
    return { description: "The event's payload: any JSON value, as it was published." };
  if (typeof value === "number")
    return {
      type: "integer",
      format: "int64",
      description: "When it happened, in milliseconds since 1970.",
    };
  return { type: "string", format: "date-time", description: "When it happened, in UTC." };
}

function describeHeader(preset: Preset, name: string): string {
  if (name === preset.idHeader) return "The same as `Webhook-Id`.";
  if (name === preset.timestampHeader) return "The same as `Webhook-Timestamp`.";
  return HEADERS[name] ?? describeSignature(preset);
}

function describeSignature({ signature, keyOverlap, generatesKey }: Preset): string {
  const signed = `${signature.preamble?.("<Webhook-Id>", "<Webhook-Timestamp>") ?? ""}<body>`;
  return [
    `HMAC-SHA256 of \`${signed}\`, the exact bytes, under the webhook's key: \`${signature.write([`<${signature.encoding}>`], "<Webhook-Timestamp>")}\`.`,
    ...(keyOverlap
      ? [`Two, separated by a space, while a rotated key still signs: one of them has to fit.`]
      : []),
    ...(generatesKey ? [] : ["Left out where the webhook has no key."]),
  ].join(" ");
}

// In the form that the preset generates, so that whoever reads may try their receiver on the example.
function sampleKey(preset: Preset): string {
  return preset.generateKey((size) => Uint8Array.from({ length: size }, (_, index) => index));
}
