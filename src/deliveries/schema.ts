// What deliveries and attempts are on the wire.
import { z } from "zod";

import { typeFilterInput } from "../event-types/filter.ts";
import {
  channelInput,
  printedText,
  hasSpan,
  NO_SPAN,
  idInput,
  instant,
  itsTenant,
  spanInput,
  webhookIdInput,
} from "../kernel/fields.ts";
import { pageInput, pageOverCells } from "../kernel/lists.ts";
import { CANCEL_REASONS, FAILURE_REASONS } from "../kernel/reasons.ts";
import { request } from "../kernel/request.ts";

const status = z.enum(["pending", "delivered", "dead", "cancelled"]);

const cause = z.enum(["publish", "retry", "replay", "reconcile"]);

const REASONS = [...FAILURE_REASONS, ...CANCEL_REASONS];

const reason = z.enum(REASONS).nullable();

// Described as a record, which zod's own would answer without a receiver's `__proto__`.
const headersOfAnyName: z.ZodType<Record<string, string>> = z
  .any()
  .meta({ type: "object", additionalProperties: { type: "string" } });

export const attempt = z
  .object({
    id: z.string(),
    number: z.int(),
    at: instant,
    resent_at: instant.nullable().meta({
      description:
        "When the same request went out a second time: the receiver had closed a kept connection without an answer.",
    }),
    duration_ms: z.int(),
    worker: z.string(),
    url: z.string(),
    address: z.string().nullable().meta({ description: "The IP address that was connected to." }),
    request_headers: z
      .record(z.string(), z.string())
      .meta({ description: "Secret values are masked." }),
    request_body: printedText({
      description:
        "Made again by the preset from the stored payload, which is not kept twice; null once that is gone.",
    }),
    body_is: z.enum(["as_sent", "rebuilt", "gone"]).meta({
      description:
        "`as_sent`: its SHA-256 is that of the bytes sent. `rebuilt`: it is another, or nothing was sent. `gone`: the payload was erased or is past its retention.",
    }),
    body_sha256: z.string().nullable().meta({ description: "SHA-256 of the bytes sent, in hex." }),
    key_version: z
      .int()
      .nullable()
      .meta({ description: "Which of the webhook's keys signed, counted from 1." }),
    status: z.int().nullable(),
    response_headers: headersOfAnyName,
    response_body: z
      .string()
      .meta({ description: "The first 16 KiB of a failed answer, 1 KiB of a good one." }),
    reason,
    error: z.string().nullable(),
  })
  .meta({ id: "Attempt" });

const lastAttempt = z.object({
  at: instant,
  status: z.int().nullable(),
  reason,
  duration_ms: z.int(),
});

export const delivery = z
  .object({
    id: z.string(),
    tenant: itsTenant,
    event_id: z.string(),
    webhook_id: z.uuid(),
    webhook_name: z.string().nullable().meta({ description: "What the webhook is called now." }),
    type: z.string(),
    channel: z.string().nullable(),
    sequence: z
      .int()
      .nullable()
      .meta({ description: "As in `Webhook-Sequence`; null until it is first sent." }),
    status,
    cause,
    attempts_made: z.int(),
    next_attempt_at: instant.nullable(),
    last_attempt: lastAttempt.nullable().meta({
      description:
        "Null before the first. One that was under way when its delivery was cancelled is shown by deliveries.info alone.",
    }),
    waiting_for: z.enum(["retry", "rate", "order", "paused", "disabled", "cap"]).nullable().meta({
      description:
        "What holds a pending delivery; null where it is due, or in flight. `cap`: it is due, and others of its webhook that go first are in flight.",
    }),
    reason,
    created_at: instant,
    finished_at: instant.nullable(),
  })
  .meta({ id: "Delivery" });

export const deliveryInfo = delivery
  .extend({
    attempts: z.array(attempt).meta({ description: "First to last." }),
    attempts_left_out: z.boolean().meta({
      description:
        "Whether its first attempts are left out: there are more than 200, or more than an answer of 4 MiB holds.",
    }),
    siblings: z.array(delivery).meta({
      description:
        "Every delivery of its event to its webhook, itself among them, newest first: of at most 100 the newest speaks for the event.",
    }),
    siblings_left_out: z
      .boolean()
      .meta({ description: "Whether there are more; deliveries.list has them all." }),
  })
  .meta({ id: "DeliveryInfo" });
export const deliveryPage = pageOverCells(delivery).meta({ id: "DeliveryPage" });
export const deliveryIdInput = request({ id: idInput("dlv") }).meta({ id: "DeliveryId" });

const responseStatus = z
  .string()
  .regex(/^[1-5](\d\d|xx)$/, "a status like 404, or a class like 5xx, is needed")
  .transform((text) => ({
    from: Number(text.replace("xx", "00")),
    to: Number(text.replace("xx", "99")),
  }));

export const listDeliveriesInput = request({
  webhook_id: webhookIdInput.optional(),
  event_id: idInput("evt").optional(),
  status: z
    .union([status, z.array(status).min(1).max(status.options.length)])
    .transform((some) => [...new Set([some].flat())].sort())
    .optional()
    .meta({ description: "Several: those of any of them. One may stand without the list." }),
  type: typeFilterInput.optional(),
  channel: channelInput.optional(),
  reason: z.enum(REASONS).optional().meta({ description: "Why it ended undelivered." }),
  response_status: responseStatus.optional().meta({
    description: "What its last attempt was answered: a status (`404`) or a class (`5xx`).",
  }),
  cause: cause.optional(),
  sequence: z.int().min(1).optional().meta({
    description:
      "As in `Webhook-Sequence`. Each webhook has its own numbers: give its `webhook_id` too.",
  }),
  ...spanInput,
  oldest_first: z.boolean().default(false),
  ...pageInput,
})
  .refine(hasSpan, NO_SPAN)
  .refine(({ sequence, webhook_id }) => sequence === undefined || webhook_id !== undefined, {
    path: ["sequence"],
    message: "each webhook has its own numbers: give the `webhook_id` too",
  })
  .meta({ id: "ListDeliveriesRequest" });

export type Attempt = z.output<typeof attempt>;
export type Delivery = z.output<typeof delivery>;
export type DeliveryInfo = z.output<typeof deliveryInfo>;
export type ListDeliveriesInput = z.output<typeof listDeliveriesInput>;
