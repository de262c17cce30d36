// What a webhook is on the wire, and what the operations on it take.
import { z } from "zod";

import { TYPE_NAME_MAX, TYPE_PATTERN } from "../event-types/names.ts";
import {
  channelInput,
  instant,
  madeBy,
  makersKey,
  plainText,
  searchedText,
  stringsByName,
  trimmed,
  webhookIdInput as webhookIdField,
  itsTenant,
} from "../kernel/fields.ts";
import { pageInput, pageOutput, pageOverCells } from "../kernel/lists.ts";
import { request } from "../kernel/request.ts";
import { MASK } from "../kernel/mask.ts";
import { PRESET_NAMES } from "../presets/index.ts";
import { externalId, labels, metadata } from "./labels.ts";
import { LIMITS } from "./limits.ts";
import { presetSettings, presetSettingsInput } from "./preset-settings.ts";

export { MASK };

const status = z.enum(["Subscribed", "Unsubscribed"]);
const order = z.enum(["none", "channel", "webhook"]);
const preset = z.enum(PRESET_NAMES);
const health = z.enum(["ok", "failing", "disabled"]);

const signatureKey = trimmed(z.string().min(1).max(LIMITS.signature_key));

const fields = {
  url: z.string().min(1).max(LIMITS.url).meta({ description: "Where to send: http or https." }),
  name: trimmed(plainText(LIMITS.name)).nullable().meta({ description: "For people." }),
  headers: stringsByName()
    .nullable()
    .meta({ description: "Sent with every attempt. Values are encrypted at rest." }),
  signature_key: signatureKey.nullable().meta({
    description: "Signs every attempt. Never returned. null removes it.",
  }),
  generate_signature_key: z.boolean().meta({
    description: "Make a new key; the answer shows it, this once.",
  }),
  events: z
    .array(plainText(LIMITS.name))
    .max(LIMITS.filter)
    .nullable()
    .meta({ description: "Types, or prefixes ending in `.*`; empty is every published type." }),
  channels: z
    .array(channelInput)
    .max(LIMITS.filter)
    .nullable()
    .meta({ description: "Only events published with one of these; empty is every event." }),
  preset: preset
    .nullable()
    .meta({ description: "The wire format; `airy` unless another is named." }),
  preset_settings: presetSettingsInput,
  retry_schedule_s: z
    .array(z.int().min(1).max(LIMITS.wait_s))
    .max(LIMITS.waits)
    .nullable()
    .meta({ description: "Waits between attempts, in seconds; null: the preset's." }),
  timeout_ms: z.int().min(LIMITS.timeout_min_ms).max(LIMITS.timeout_max_ms).nullable().meta({
    description: "How long one attempt may take; null: the preset's.",
  }),
  rate_limit_per_s: z.number().positive().max(LIMITS.rate_per_s).nullable().meta({
    description: "Requests a second at most; null: no limit.",
  }),
  order: order.nullable().meta({ description: "`none` unless another is named." }),
  ...labels,
};

const { url, ...others } = fields;
const optional = z.object(others).partial().shape;

export const subscribeShape = {
  url,
  id: webhookIdField.optional(),
  ...optional,
  paused: z
    .boolean()
    .optional()
    .meta({ description: "Hold what is published for it until it is no longer paused." }),
  idempotency_key: makersKey,
};

export const subscribeInput = request(subscribeShape).meta({ id: "SubscribeRequest" });

export const updateInput = request({
  id: webhookIdField,
  url: url.nullable().optional(),
  ...optional,
  status: status.optional(),
  paused: z.boolean().optional(),
  idempotency_key: makersKey,
}).meta({ id: "UpdateRequest" });

export const webhookIdInput = request({ id: webhookIdField }).meta({ id: "WebhookId" });

export const rotateKeyInput = request({
  id: webhookIdField,
  signature_key: signatureKey.optional().meta({
    description: "The new key; left out, one is made, and the answer shows it, this once.",
  }),
  overlap_s: z.int().min(0).max(LIMITS.overlap_s).optional().meta({
    description:
      "How long the old key signs beside the new one, in seconds. Only for presets whose header carries two signatures; a day where it is left out.",
  }),
  idempotency_key: makersKey,
}).meta({ id: "RotateKeyRequest" });

export const testInput = request({
  id: webhookIdField,
  type: z
    .string()
    .max(TYPE_NAME_MAX)
    .regex(TYPE_PATTERN, "words joined by dots are needed, like message.created")
    .optional()
    .meta({
      description:
        "Whose example to send; left out, the first type that the webhook's `events` take in.",
    }),
}).meta({ id: "TestRequest" });

/** Of what changes all that a webhook has waiting, or pending. */
export const countedInput = request({
  id: webhookIdField,
  dry_run: z.boolean().optional().meta({ description: "Only count." }),
}).meta({ id: "CountedRequest" });

export const counted = z
  .object({
    matched: z.int().meta({ description: "How many there were; counted to 100,000, then stays." }),
  })
  .meta({ id: "Counted" });

export const listInput = request({
  status: status.optional(),
  health: health.optional(),
  channel: channelInput.optional(),
  external_id: externalId.optional(),
  metadata: metadata
    .optional()
    .meta({ description: "Those whose metadata has each of these entries." }),
  q: searchedText.optional().meta({
    description:
      "Part of the name, of the URL or of the external_id, in any case, or how the id begins.",
  }),
  sort: z.enum(["newest", "trouble"]).optional().meta({
    description:
      "`newest` first, unless `trouble`: disabled, failing, paused or left alone, failing of late, then the rest; of each those first that have the most pending.",
  }),
  with_counts: z
    .boolean()
    .optional()
    .meta({ description: "Each with what became of its deliveries in the last 24 hours." }),
  ...pageInput,
}).meta({ id: "ListWebhooksRequest" });

export const webhook = z
  .object({
    id: z.uuid(),
    name: z.string().nullable(),
    status,
    url: z.string(),
    headers: z
      .record(z.string(), z.string())
      .meta({ description: `Values read "${MASK}" where the key may only read.` }),
    events: z.array(z.string()),
    preset,
    preset_settings: presetSettings,
    channels: z.array(z.string()),
    has_signature_key: z.boolean(),
    paused: z.boolean(),
    health,
    health_reason: z.string().nullable(),
    retry_schedule_s: z.array(z.int()).nullable(),
    timeout_ms: z.int().nullable(),
    rate_limit_per_s: z.number().nullable(),
    order,
    external_id: z.string().nullable(),
    metadata: z.record(z.string(), z.string()),
    resting_until: instant
      .nullable()
      .meta({ description: "Until when its receiver asked to be left alone (Retry-After)." }),
    created_at: instant,
    updated_at: instant,
  })
  .meta({ id: "Webhook" });

/** A webhook as the answer that may have made its key. */
export const savedWebhook = webhook
  .extend({
    signature_key: z
      .string()
      .optional()
      .meta({ description: "A key that was generated now. It is shown this once." }),
  })
  .meta({ id: "SavedWebhook" });

export const warnings = z.array(z.string()).meta({
  description:
    "What may be a mistake: a prefix that takes in no type that there is, a tenant that nobody has named before.",
});

/** A webhook as update answers it. */
export const updatedWebhook = savedWebhook.extend({ warnings }).meta({ id: "UpdatedWebhook" });

/** A webhook as subscribe answers it. */
export const subscribedWebhook = updatedWebhook
  .extend({
    created: z.boolean().meta({ description: "false where one with this id was replaced." }),
  })
  .meta({ id: "SubscribedWebhook" });

export const webhookInfo = webhook
  .extend({
    counters: z
      .object({
        delivered: z.int(),
        dead: z.int(),
        pending: z.int().meta({ description: "Counted to 10,000, then stays." }),
        last_success_at: instant.nullable(),
        last_failure_at: instant.nullable(),
      })
      .meta({ id: "WebhookCounters" }),
  })
  .meta({ id: "WebhookInfo" });

export const historyInput = request({ id: webhookIdField, ...pageInput }).meta({
  id: "HistoryRequest",
});

export const webhookChange = z
  .object({
    at: instant,
    kind: z.enum(["subscribed", "settings", "health", "deleted"]),
    by: madeBy,
    changes: z.array(z.object({ field: z.string(), from: z.unknown(), to: z.unknown() })).meta({
      description: `Fields of the webhook, and \`key_version\`, which counts its signature keys. Header values read "${MASK}".`,
    }),
  })
  .meta({ id: "WebhookChange" });

export const webhookChangePage = pageOutput(webhookChange).meta({ id: "WebhookChangePage" });

const recentCounts = z
  .object({
    delivered: z.int(),
    dead: z.int(),
    retried: z.int().meta({ description: "Attempts that failed and are made again." }),
    pending: z.int().meta({ description: "Now; counted to 1,000, then stays." }),
    last_success_at: instant.nullable().meta({ description: "Ever." }),
  })
  .meta({
    id: "RecentCounts",
    description: "Of the last 24 hours and what the hour before them has begun.",
  });

const listedWebhook = webhook
  .extend({
    tenant: itsTenant,
    counts: recentCounts.optional().meta({ description: "There only `with_counts`." }),
  })
  .meta({ id: "ListedWebhook" });

export const webhookPage = pageOverCells(listedWebhook).meta({ id: "WebhookPage" });

export type SubscribeInput = z.output<typeof subscribeInput>;
export type UpdateInput = z.output<typeof updateInput>;
export type RotateKeyInput = z.output<typeof rotateKeyInput>;
export type TestInput = z.output<typeof testInput>;
export type CountedInput = z.output<typeof countedInput>;
export type Counted = z.output<typeof counted>;
export type ListInput = z.output<typeof listInput>;
export type HistoryInput = z.output<typeof historyInput>;
export type WebhookChange = z.output<typeof webhookChange>;
export type Webhook = z.output<typeof webhook>;
export type SavedWebhook = z.output<typeof savedWebhook>;
export type UpdatedWebhook = z.output<typeof updatedWebhook>;
export type SubscribedWebhook = z.output<typeof subscribedWebhook>;
export type WebhookInfo = z.output<typeof webhookInfo>;
