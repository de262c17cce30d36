// The webhooks that an event did not go to, and why.
import { z } from "zod";

import { idInput, instant, webhookIdInput } from "../kernel/fields.ts";
import { pageInput, pageOutput } from "../kernel/lists.ts";
import { request } from "../kernel/request.ts";

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

export type WhyNotInput = z.output<typeof whyNotInput>;
export type NotSent = z.output<typeof notSent>;
