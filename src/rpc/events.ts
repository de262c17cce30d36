// events.*: the one definition of each operation on events.
import { erase } from "../events/erase.ts";
import { keepPayloadAsText, publish, publishMany } from "../events/publish.ts";
import * as events from "../events/read.ts";
import { whyNot } from "../events/why-not.ts";
import * as whyNotSchema from "../events/why-not-schema.ts";
import { reconcile, redeliverForbidden } from "../events/reconcile.ts";
import * as reconcileSchema from "../events/reconcile-schema.ts";
import * as schema from "../events/schema.ts";
import { MANAGERS, PUBLISHERS, READERS } from "../kernel/scopes.ts";
import { samples } from "./samples.ts";
import { operation, router } from "./trpc.ts";

const { event, listedEvent, notSent, page } = samples;
const published = { id: event.id, deliveries: 1, duplicate: false };
const whenUnsure =
  "where it had an idempotency_key send it again as it was, it is stored once; else look with events.list first";
const sent = { type: event.type, payload: event.payload };

export const eventsRouter = router({
  publish: operation({
    summary: "Publish an event",
    description:
      "The event and its deliveries are stored in one transaction. To publish inside a transaction of your own, call `posthorn.publish` in SQL.",
    scopes: PUBLISHERS,
    errors: ["unknown_event_type", "payload_does_not_fit_schema", "idempotency_conflict"],
    whenUnsure,
    sharesItself: true,
    waits: true,
    keep: (input) => keepPayloadAsText(input),
    request: { ...sent, channel: event.channel, idempotency_key: "order-1" },
    response: published,
  })
    .input(schema.publishInput)
    .output(schema.published)
    .mutation(({ ctx, input, signal }) => publish(ctx.events, input, signal)),

  publish_many: operation({
    summary: "Publish up to 1,000 events",
    description: "All of them or, when one is refused, none; answered in their order.",
    scopes: PUBLISHERS,
    errors: ["unknown_event_type", "payload_does_not_fit_schema", "idempotency_conflict"],
    whenUnsure,
    sharesItself: true,
    waits: true,
    request: { events: [sent, { ...sent, payload: { id: 2 } }] },
    response: { data: [published, { ...published, id: "evt_019c13f8d2007a1f80014c1b7a9e22d2" }] },
    largeBody: { name: "events", itemsMax: schema.PUBLISH_MANY_MAX, keep: keepPayloadAsText },
  })
    .input(schema.publishManyInput)
    .output(schema.publishedMany)
    .mutation(async ({ ctx, input, signal }) => ({
      data: await publishMany(ctx.events, input.events, signal),
    })),

  list: operation({
    summary: "List events",
    description:
      "Newest first; without their payloads, unless `with_payload` asks for them. What no index leads to (`type`, `channel`, `idempotency_key`, `payload_contains`) is looked for for some milliseconds: then the page ends early, even empty, `pagination_data.searched_until` says how far it looked, and `next_cursor` goes on.",
    scopes: READERS,
    reads: "standby",
    inPortal: "any",
    sharesItself: true,
    request: { type: event.type, since: "2026-01-31T00:00:00Z" },
    response: page(listedEvent),
  })
    .input(schema.listEventsInput.prefault({}))
    .output(schema.eventPage)
    .query(({ ctx, input }) => events.list(ctx.events.store, input)),

  info: operation({
    summary: "Show an event",
    description: "With its deliveries, and how many webhooks it did not go to.",
    scopes: READERS,
    inPortal: "any",
    errors: ["event_not_found"],
    request: { id: event.id },
    response: {
      ...event,
      deliveries: [samples.delivery],
      deliveries_left_out: false,
      webhooks_without: 1,
    },
  })
    .input(schema.eventIdInput)
    .output(schema.eventInfo)
    .query(({ ctx, input }) => events.info(ctx.events.store, input.id)),

  why_not: operation({
    summary: "Why an event did not go to webhooks",
    description:
      "Each webhook that it did not go to, newest first, and why: judged by what the webhook was when the event was published, by the history that is kept for as long as the retention. Webhooks that were there then and are deleted now are listed too. Those that it went to have a delivery: look with `deliveries.list`. Beside many webhooks that got it a page may end before `page_size`; `next_cursor` goes on.",
    scopes: READERS,
    reads: "standby",
    inPortal: "any",
    errors: ["event_not_found", "webhook_not_found"],
    request: { id: event.id },
    response: page(notSent),
  })
    .input(whyNotSchema.whyNotInput)
    .output(whyNotSchema.whyNotPage)
    .query(({ ctx, input }) => whyNot(ctx.events, input)),

  reconcile: operation({
    summary: "Find what a receiver lacks",
    description:
      "The receiver sends the ids that it has of a span, and gets those that it lacks, and those that this webhook was not sent in it. The span goes by when deliveries were made, and may hold 10,000 of them. With `redeliver`, what is missing and not pending is queued again, behind live events; asking twice sends nothing twice.",
    scopes: READERS,
    inPortal: "any",
    errors: ["webhook_not_found", "webhook_unsubscribed"],
    locks: "webhook_id",
    request: { webhook_id: notSent.webhook_id, since: event.created_at, received: [event.id] },
    response: {
      missing: [
        {
          event_id: "evt_019c13f8d2007a1f80014c1b7a9e22d2",
          delivery_id: "dlv_019c13f8d2007a1f8001a2f4c6e81b08",
          status: "dead",
        },
      ],
      unexpected: [],
    },
    largeBody: { name: "received", itemsMax: reconcileSchema.RECEIVED_MAX },
  })
    .input(reconcileSchema.reconcileInput)
    .output(reconcileSchema.reconciled)
    .mutation(({ ctx, input }) => {
      const { scope } = ctx.caller;
      if (input.redeliver && !MANAGERS.includes(scope)) throw redeliverForbidden(scope);
      return reconcile(ctx.events, input);
    }),

  erase: operation({
    summary: "Erase an event",
    description:
      "Its payload and every kept answer to it are blanked for good, and its pending deliveries cancelled; ids, hashes and outcomes stay. A second erase changes nothing.",
    scopes: MANAGERS,
    inPortal: "whole",
    errors: ["event_not_found"],
    locks: "id",
    request: { id: event.id },
    response: { ...event, payload: null, payload_text: null },
  })
    .input(schema.eventIdInput)
    .output(schema.event)
    .mutation(({ ctx, input }) => erase(ctx.events.store, input.id)),
});
