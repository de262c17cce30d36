// deliveries.*: the one definition of each operation on deliveries.
import * as deliveries from "../deliveries/operations.ts";
import * as schema from "../deliveries/schema.ts";
import { MANAGERS, READERS } from "../kernel/scopes.ts";
import { samples } from "./samples.ts";
import { operation, router } from "./trpc.ts";

const { delivery, attempt, page } = samples;

export const deliveriesRouter = router({
  list: operation({
    summary: "List deliveries",
    description:
      "Newest first, pending and finished: those that all filters given take in. What no index leads to is looked for for some 50 ms; the page then says in `searched_until` how far that was, may be short or empty, and `next_cursor` goes on.",
    scopes: READERS,
    reads: "standby",
    inPortal: "any",
    errors: ["webhook_not_found"],
    request: { webhook_id: delivery.webhook_id, status: ["dead", "cancelled"] },
    response: page(delivery),
  })
    .input(schema.listDeliveriesInput.prefault({}))
    .output(schema.deliveryPage)
    .query(({ ctx, input }) => deliveries.list(ctx.deliveries, input)),

  info: operation({
    summary: "Show a delivery",
    description:
      "With every attempt: what was sent where, and what came back. And with every other delivery of its event to its webhook.",
    scopes: READERS,
    inPortal: "any",
    sharesItself: true,
    errors: ["delivery_not_found"],
    request: { id: delivery.id },
    response: {
      ...delivery,
      attempts: [attempt],
      attempts_left_out: false,
      siblings: [delivery],
      siblings_left_out: false,
    },
  })
    .input(schema.deliveryIdInput)
    .output(schema.deliveryInfo)
    .query(({ ctx, input }) => deliveries.info(ctx.deliveries, input.id)),

  cancel: operation({
    summary: "Cancel a delivery",
    description:
      "A pending one ends as `cancelled`, in flight too: that attempt is recorded, and nothing is sent again. One that has ended is 409. `webhooks.cancel_pending` does so for all that a webhook has pending.",
    scopes: MANAGERS,
    inPortal: "any",
    errors: ["delivery_not_found", "delivery_finished"],
    request: { id: delivery.id },
    response: {
      ...delivery,
      status: "cancelled",
      reason: "cancelled",
      attempts_made: 0,
      last_attempt: null,
    },
  })
    .input(schema.deliveryIdInput)
    .output(schema.delivery)
    .mutation(({ ctx, input }) => deliveries.cancel(ctx.deliveries, input.id)),

  retry: operation({
    summary: "Send again",
    description:
      "A pending delivery becomes due now. A finished one is never changed: a new delivery of the same event is made, or the pending one answered. `webhooks.retry_dead` does so for all that is dead.",
    scopes: MANAGERS,
    inPortal: "any",
    errors: ["delivery_not_found", "webhook_unsubscribed", "payload_gone"],
    request: { id: delivery.id },
    response: {
      ...delivery,
      id: "dlv_019c13f8e5807c4480009d8e7f6a5b4c",
      status: "pending",
      cause: "retry",
      attempts_made: 0,
      last_attempt: null,
      finished_at: null,
      next_attempt_at: "2026-01-31T12:00:05.000Z",
    },
  })
    .input(schema.deliveryIdInput)
    .output(schema.delivery)
    .mutation(({ ctx, input }) => deliveries.retry(ctx.deliveries, input.id)),
});
