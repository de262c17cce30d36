// What an event is on the wire, and what publishing one takes.
import { z } from "zod";

import { delivery } from "../deliveries/schema.ts";
import { typeFilterInput } from "../event-types/filter.ts";
import { TYPE_NAME_MAX, TYPE_PATTERN, isReservedType } from "../event-types/names.ts";
import {
  channelInput,
  hasSpan,
  NO_SPAN,
  idempotencyKey,
  idInput,
  instant,
  instantInput,
  itsTenant,
  plainText,
  spanInput,
  webhookIdInput,
  printedText,
} from "../kernel/fields.ts";
import { pageInput, pageOutput } from "../kernel/lists.ts";
import { request } from "../kernel/request.ts";

const PAYLOAD_TEXT_MAX = 200;
export const PUBLISH_MANY_MAX = 1_000;
export const RECEIVED_MAX = 100_000; // ten for each delivery that a span may have

const type = z
  .string()
  .max(TYPE_NAME_MAX)
  .regex(
    TYPE_PATTERN,
    "words of letters, digits, _ and - joined by dots are needed, like message.created",
  )
  .refine(
    (name) => !isReservedType(name),
    "the prefixes webhook. and delivery. are kept for the service's own events",
  )
  .meta({ examples: ["message.created"] });

const channel = channelInput.meta({
  description: "The line, account or inbox that the event belongs to.",
});

export const publishInput = request({
  type,
  payload: z
    .unknown()
    .refine((value) => value !== undefined, "a JSON value is needed")
    .meta({ description: "Any JSON value, 256 KiB at most." }),
  channel: channel.optional(),
  timestamp: instantInput.optional().meta({ description: "When it happened; now, unless given." }),
  idempotency_key: idempotencyKey.optional().meta({
    description: "The same key with the same event answers the first one's id and stores nothing.",
  }),
}).meta({ id: "PublishRequest" });

export const publishManyInput = request({
  events: z.array(publishInput).min(1).max(PUBLISH_MANY_MAX),
}).meta({ id: "PublishManyRequest" });

export const published = z
  .object({
    id: z.string(),
    deliveries: z.int().meta({ description: "How many webhooks it goes to; 0 for a duplicate." }),
    duplicate: z.boolean(),
  })
  .meta({ id: "Published" });

export const publishedMany = z.object({ data: z.array(published) }).meta({ id: "PublishedMany" });

export const event = z
  .object({
    id: z.string(),
    type: z.string(),
    channel: z.string().nullable(),
    timestamp: instant,
    payload: z.unknown().meta({
      description: "As it was stored, to the byte; null once erased or past its retention.",
    }),
    payload_text: printedText({
      description:
        "The same as text, for readers whose numbers are IEEE doubles: they would read 9007199254740993 as 9007199254740992.",
    }),
    created_at: instant,
  })
  .meta({ id: "Event" });

export const listedEvent = event
  .partial({ payload: true, payload_text: true })
  .extend({ tenant: itsTenant })
  .meta({ id: "ListedEvent" });

export const eventInfo = event
  .extend({
    deliveries: z.array(delivery).meta({ description: "The newest 100." }),
    deliveries_left_out: z
      .boolean()
      .meta({ description: "Whether there are more: `deliveries.list` pages through them." }),
    webhooks_without: z.int().meta({
      description:
        "How many webhooks it did not go to, of those that were there then or are there now: `events.why_not` tells why.",
    }),
  })
  .meta({ id: "EventInfo" });

export const eventIdInput = request({ id: idInput("evt") }).meta({ id: "EventId" });

export const listEventsInput = request({
  type: typeFilterInput.optional(),
  channel: channel.optional(),
  idempotency_key: idempotencyKey.optional().meta({
    description: "Those published with it: a key may be used again when it is forgotten.",
  }),
  matched_none: z.boolean().optional().meta({ description: "Only those that no webhook took in." }),
  payload_contains: plainText(PAYLOAD_TEXT_MAX).min(1).optional().meta({
    description:
      "Text that the payload holds, as `payload_text` shows it. The span may then be 24 hours at most.",
  }),
  with_payload: z.boolean().default(false).meta({
    description:
      "Answer payloads too. They are large: the page may then end before `page_size`, and `next_cursor` goes on.",
  }),
  ...spanInput,
  ...pageInput,
})
  .refine(hasSpan, NO_SPAN)
  .meta({ id: "ListEventsRequest" });

export const eventPage = pageOutput(listedEvent).meta({ id: "EventPage" });

const RECEIVED_LENGTH_MAX = 64;

export const reconcileInput = request({
  webhook_id: webhookIdInput,
  since: instantInput.meta({ description: "Deliveries made at or after this." }),
  until: instantInput
    .optional()
    .meta({ description: "Deliveries made before this; now, unless given." }),
  received: z.array(z.string().max(RECEIVED_LENGTH_MAX)).max(RECEIVED_MAX).meta({
    description: "The ids that the receiver has of that span: each request's Webhook-Id.",
  }),
  redeliver: z.boolean().optional().meta({
    description: "Send what is missing again, but what is pending. Needs a `manage` key.",
  }),
})
  .refine(hasSpan, NO_SPAN)
  .meta({ id: "ReconcileRequest" });

export const reconciled = z
  .object({
    missing: z
      .array(
        z.object({
          event_id: z.string(),
          delivery_id: z.string(),
          status: z.enum(["pending", "delivered", "dead", "cancelled"]),
        }),
      )
      .meta({
        description:
          "Events of that span that the receiver lacks, newest first, each with its newest delivery: after `redeliver` the new one.",
      }),
    unexpected: z.array(z.string()).meta({
      description: "Ids received of which this webhook has no delivery in that span.",
    }),
  })
  .meta({ id: "Reconciled" });

export const whyNotInput = request({
  id: idInput("evt"),
  webhook_id: webhookIdInput.optional().meta({
    description: "Only the webhooks that have or had this id, deleted ones too.",
  }),
  ...pageInput,
}).meta({ id: "WhyNotRequest" });

const FILTER_REASONS = [
  "deleted",
  "unsubscribed",
  "own_event_not_named",
  "other_type",
  "other_channel",
] as const;

export const notSent = z
  .object({
    webhook_id: z.uuid(),
    webhook_name: z.string().nullable(),
    reason: z
      .enum([
        ...FILTER_REASONS,
        "subscribed_later",
        "changed_meanwhile",
        "paused",
        "disabled",
        "held_too_long",
        "erased",
        "cancelled",
        "unknown",
      ])
      .meta({
        description:
          "As of the publish. `other_type` and `other_channel`: its `events` or `channels` did not take it in. `own_event_not_named`: an event of the service's own, which goes only where it is named. `changed_meanwhile`: a change of it was committed just then. `paused`, `disabled`: its delivery is held now. `held_too_long`, `erased`, `cancelled`, and `unsubscribed` or `deleted` with a `delivery_id`: its delivery was cancelled. `unknown`: what it was then is past the retention.",
      }),
    since: instant.nullable().meta({
      description: "Since when it was so: its subscription, its last change before, or its hold.",
    }),
    held_until: instant
      .nullable()
      .meta({ description: "When a held delivery will be cancelled, unless the hold ends." }),
    delivery_id: z
      .string()
      .nullable()
      .meta({ description: "Of the delivery that was held or cancelled." }),
    now: z
      .enum([...FILTER_REASONS, "would_match"])
      .nullable()
      .meta({
        description:
          "What would decide today, where that is something else: `would_match` is that it would go there.",
      }),
  })
  .meta({ id: "NotSent" });

export const whyNotPage = pageOutput(notSent).meta({ id: "WhyNotPage" });

export type ReconcileInput = z.output<typeof reconcileInput>;
export type Reconciled = z.output<typeof reconciled>;
export type WhyNotInput = z.output<typeof whyNotInput>;
export type NotSent = z.output<typeof notSent>;
export type PublishInput = z.output<typeof publishInput>;
export type Published = z.output<typeof published>;
export type EventInfo = z.output<typeof eventInfo>;
export type Event = z.output<typeof event>;
export type ListedEvent = z.output<typeof listedEvent>;
export type ListEventsInput = z.output<typeof listEventsInput>;
