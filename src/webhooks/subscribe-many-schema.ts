// What webhooks.subscribe_many takes and answers.
import { z } from "zod";

import { request } from "../kernel/request.ts";
import { subscribeShape, warnings } from "./schema.ts";

export const SUBSCRIBE_MANY_MAX = 1_000;

const { idempotency_key: _, ...subscribeFields } = subscribeShape;

export const subscribeManyInput = request({
  webhooks: z
    .array(request(subscribeFields).meta({ id: "SubscribeManyItem" }))
    .min(1)
    .max(SUBSCRIBE_MANY_MAX),
  dry_run: z.boolean().optional().meta({ description: "Only judge; nothing is stored." }),
}).meta({ id: "SubscribeManyRequest" });

export const subscribedMany = z
  .object({
    data: z
      .array(
        z.object({
          id: z.uuid(),
          created: z.boolean(),
          signature_key: z
            .string()
            .optional()
            .meta({ description: "A key that was generated now. It is shown this once." }),
          warnings,
        }),
      )
      .meta({ description: "In the order of the request; empty for a dry run." }),
    created: z.int(),
    replaced: z.int().meta({ description: "Those that were there, unchanged ones too." }),
  })
  .meta({ id: "SubscribedMany" });

export type SubscribeManyInput = z.output<typeof subscribeManyInput>;
export type SubscribedMany = z.output<typeof subscribedMany>;
