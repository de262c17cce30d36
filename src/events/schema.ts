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
  printedText,
} from "../kernel/fields.ts";
import { pageInput, pageOverCells } from "../kernel/lists.ts";
import { request } from "../kernel/request.ts";

const PAYLOAD_TEXT_MAX = 200;
export const PUBLISH_MANY_MAX = 1_000;

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

export const eventPage = pageOverCells(listedEvent).meta({ id: "EventPage" });

export type PublishInput = z.output<typeof publishInput>;
export type Published = z.output<typeof published>;
export type EventInfo = z.output<typeof eventInfo>;
export type Event = z.output<typeof event>;
export type ListedEvent = z.output<typeof listedEvent>;
export type ListEventsInput = z.output<typeof listEventsInput>;
