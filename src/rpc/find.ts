// find: the one definition of looking for what a text stands for.
import { find } from "../find/operations.ts";
import * as schema from "../find/schema.ts";
import { READERS } from "../kernel/scopes.ts";
import { samples } from "./samples.ts";
import { operation } from "./trpc.ts";

const { delivery, webhook } = samples;

export const findOperation = operation({
  summary: "Find what a text stands for",
  description:
    "Whatever of the tenant has it as its id, an event by its idempotency key, webhooks by part of their name or URL, a channel, types. An attempt is found where its delivery is among the 10,000 made last before it; a channel where a webhook names it, or one of the 2,000 newest events of two days has it. Keys for admin keys alone.",
  scopes: READERS,
  reads: "standby",
  inPortal: "any",
  request: { q: delivery.id },
  response: {
    data: [
      {
        kind: "delivery",
        id: delivery.id,
        label: delivery.type,
        webhook_id: webhook.id,
        event_id: delivery.event_id,
        delivery_id: null,
      },
    ],
  },
})
  .input(schema.findInput)
  .output(schema.foundThings)
  .query(({ ctx, input }) => find(ctx.find, input.q));
