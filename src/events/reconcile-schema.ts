// What a receiver sends to learn what it lacks, and what it gets.
import { z } from "zod";

import { hasSpan, instantInput, NO_SPAN, webhookIdInput } from "../kernel/fields.ts";
import { request } from "../kernel/request.ts";

export const RECEIVED_MAX = 100_000; // ten for each delivery that a span may have
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

export type ReconcileInput = z.output<typeof reconcileInput>;
export type Reconciled = z.output<typeof reconciled>;
