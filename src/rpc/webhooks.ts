// webhooks.*: the one definition of each operation on webhooks.
import { presentAttempt, withoutOurSide } from "../deliveries/present.ts";
import { createBodies } from "../deliveries/request-body.ts";
import { attempt as attemptSchema } from "../deliveries/schema.ts";
import { nothing } from "../kernel/fields.ts";
import { MANAGERS, READERS } from "../kernel/scopes.ts";
import { replay, retryDead } from "../replays/operations.ts";
import { replayInput, replayStarted, retryDeadInput } from "../replays/schema.ts";
import { history } from "../webhooks/history.ts";
import * as webhooks from "../webhooks/operations.ts";
import * as reading from "../webhooks/read.ts";
import * as schema from "../webhooks/schema.ts";
import { sendTest } from "../webhooks/send-test.ts";
import * as many from "../webhooks/subscribe-many-schema.ts";
import { subscribeMany } from "../webhooks/subscribe-many.ts";
import { samples } from "./samples.ts";
import { operation, router } from "./trpc.ts";

const { webhook, webhookChange, attempt, page } = samples;

export const webhooksRouter = router({
  subscribe: operation({
    summary: "Subscribe a URL",
    description:
      "Without `id` creates a webhook. With `id` creates one or fully replaces it and subscribes it again: what is left out returns to its default, except the signature key, which stays (`null` removes it).",
    scopes: MANAGERS,
    inPortal: "whole",
    errors: ["too_many_webhooks", "external_id_taken", "idempotency_conflict"],
    locks: "tenant",
    whenUnsure:
      "with the same idempotency_key send it again, and the answer is the one that was lost; with an id of your own send it again, it is one webhook; else look with webhooks.list first, and rotate a key that was generated and that you have not seen",
    request: {
      url: webhook.url,
      name: webhook.name,
      events: webhook.events,
      signature_key: "a secret of your own",
      external_id: webhook.external_id,
      metadata: webhook.metadata,
    },
    response: { ...webhook, created: true, warnings: [] },
  })
    .input(schema.subscribeInput)
    .output(schema.subscribedWebhook)
    .mutation(({ ctx, input }) => webhooks.subscribe(ctx.webhooks, input)),

  subscribe_many: operation({
    summary: "Subscribe up to 1,000 URLs",
    description:
      "All of them or, when one is refused, none: `issues` then name each bad one by its place (`webhooks.7.url`). Each is what webhooks.subscribe takes, but an idempotency_key: give each an `id` of your own, and the request may be sent again.",
    scopes: MANAGERS,
    errors: ["too_many_webhooks", "external_id_taken"],
    locks: "tenant",
    whenUnsure:
      "where each had an id of your own send it again, and keys that were given stay; else look with webhooks.list first, and rotate keys that were generated and that you have not seen",
    request: {
      webhooks: [
        { id: webhook.id, url: webhook.url, name: webhook.name },
        { url: "https://example.com/other" },
      ],
    },
    response: {
      data: [
        { id: webhook.id, created: true, warnings: [] },
        { id: "5f0c1a50-3f4f-4a8e-9d27-1c9ad3a2a0b1", created: true, warnings: [] },
      ],
      created: 2,
      replaced: 0,
    },
    largeBody: { name: "webhooks", itemsMax: many.SUBSCRIBE_MANY_MAX },
  })
    .input(many.subscribeManyInput)
    .output(many.subscribedMany)
    .mutation(({ ctx, input }) => subscribeMany(ctx.webhooks, input)),

  unsubscribe: operation({
    summary: "End a subscription",
    description:
      "Its pending deliveries are cancelled, and nothing starts later than a second after the answer.",
    scopes: MANAGERS,
    inPortal: "any",
    errors: ["webhook_not_found"],
    locks: "id",
    request: { id: webhook.id },
    response: { ...webhook, status: "Unsubscribed" },
  })
    .input(schema.webhookIdInput)
    .output(schema.webhook)
    .mutation(({ ctx, input }) => webhooks.unsubscribe(ctx.webhooks, input.id)),

  update: operation({
    summary: "Change a webhook",
    description:
      "A patch: left out keeps, a value sets, null clears. The next attempt uses the new settings.",
    scopes: MANAGERS,
    inPortal: "any",
    errors: ["webhook_not_found", "external_id_taken", "idempotency_conflict"],
    whenUnsure:
      "send it again: done twice, it is as done once; where it generates a key, with the same idempotency_key, else it makes another",
    locks: "id",
    request: { id: webhook.id, events: ["message.*"], paused: false },
    response: { ...webhook, events: ["message.*"], warnings: [] },
  })
    .input(schema.updateInput)
    .output(schema.updatedWebhook)
    .mutation(({ ctx, input }) => webhooks.update(ctx.webhooks, input)),

  rotate_key: operation({
    summary: "Replace a webhook's key",
    description:
      "The new key signs at once. Where the preset's header can carry two signatures (`standard`), the old one signs beside it for `overlap_s`, a day unless it says otherwise.",
    scopes: MANAGERS,
    inPortal: "any",
    errors: ["webhook_not_found", "idempotency_conflict"],
    whenUnsure:
      "with the same idempotency_key send it again, and the answer shows the key that signs now; else rotate it again: a key that was generated and that nobody has seen may sign",
    locks: "id",
    request: { id: webhook.id, idempotency_key: "rotation-2026-02" },
    response: { ...webhook, signature_key: "whsec_c2FtcGxlIHNhbXBsZSBzYW1wbGUgc2FtcGxlIHM=" },
  })
    .input(schema.rotateKeyInput)
    .output(schema.savedWebhook)
    .mutation(({ ctx, input }) => webhooks.rotateKey(ctx.webhooks, input)),

  test: operation({
    summary: "Send a sample event now",
    description:
      "Also to a paused webhook. It is sent once, as a delivery would be, and the answer is the attempt: whatever the receiver said. It is no event: its id begins with `evt_test_`, and nothing of it is stored, counted or judged. Ten a minute for each webhook.",
    scopes: MANAGERS,
    inPortal: "any",
    errors: ["webhook_not_found", "webhook_unsubscribed", "sending_held", "unknown_event_type"],
    sharesItself: true,
    request: { id: webhook.id, type: "message.created" },
    response: {
      ...attempt,
      request_headers: {
        ...attempt.request_headers,
        "Webhook-Id": "evt_test_019c13f8d2097b3280005f0e1d2c3b4a",
      },
    },
  })
    .input(schema.testInput)
    .output(attemptSchema)
    .mutation(async ({ ctx, input }) => {
      const sent = await sendTest(ctx.webhooks, input);
      const attempt = presentAttempt(
        sent.attempt,
        { event_id: sent.event.id, sequence: null },
        createBodies(sent.event)(sent.attempt),
      );
      return ctx.webhooks.store.reach.isPortal ? withoutOurSide(attempt) : attempt;
    }),

  replay: operation({
    summary: "Send a span's events again",
    description:
      "In their order, behind live ones, a few hundred ahead. An event whose newest delivery is pending, or whose payload is gone, is left out. `replays.info` tells how far it is, `replays.cancel` ends it.",
    scopes: MANAGERS,
    inPortal: "any",
    errors: ["webhook_not_found", "webhook_unsubscribed"],
    whenUnsure: "look with replays.list first",
    request: { id: webhook.id, since: "2026-01-31T00:00:00Z", status: "dead" },
    response: { replay_id: samples.replay.id, matched: samples.replay.matched, is_exact: true },
  })
    .input(replayInput)
    .output(replayStarted)
    .mutation(({ ctx, input }) => replay(ctx.replays, input)),

  retry_dead: operation({
    summary: "Send all that is dead again",
    description:
      "Whatever of this webhook is dead, whenever it was published, as a replay: in its order, behind live events. An event whose newest delivery is not dead is left out, so asking twice sends nothing twice.",
    scopes: MANAGERS,
    inPortal: "any",
    errors: ["webhook_not_found", "webhook_unsubscribed"],
    request: { id: webhook.id },
    response: { replay_id: samples.replay.id, matched: samples.replay.matched, is_exact: true },
  })
    .input(retryDeadInput)
    .output(replayStarted)
    .mutation(({ ctx, input }) => retryDead(ctx.replays, input)),

  hasten: operation({
    summary: "Make all that waits due now",
    description:
      "For a receiver that is repaired before the waits, or the time that it asked for by Retry-After, are over. One delivery goes at first, and more as they succeed; each one's waits go on from the step where they were. `matched` is how many waited; `dry_run` only counts them.",
    scopes: MANAGERS,
    inPortal: "any",
    errors: ["webhook_not_found", "webhook_unsubscribed"],
    request: { id: webhook.id },
    response: { matched: 500 },
  })
    .input(schema.countedInput)
    .output(schema.counted)
    .mutation(({ ctx, input }) => webhooks.hasten(ctx.webhooks, input)),

  cancel_pending: operation({
    summary: "Cancel all that is pending",
    description:
      "Whatever waits, is held or is in flight now ends as `cancelled`, and is not sent again; the answer comes at once, and the rows follow. What is made later is delivered: the webhook stays subscribed, and a replay that runs goes on until `replays.cancel`. `matched` is how many were pending; `dry_run` only counts them.",
    scopes: MANAGERS,
    inPortal: "any",
    errors: ["webhook_not_found"],
    locks: "id",
    whenUnsure:
      "look with webhooks.info how many are pending first: sent again, it also cancels what was made since",
    request: { id: webhook.id, dry_run: true },
    response: { matched: 500 },
  })
    .input(schema.countedInput)
    .output(schema.counted)
    .mutation(({ ctx, input }) => webhooks.cancelPending(ctx.webhooks, input)),

  list: operation({
    summary: "List webhooks",
    description: "Newest first, unsubscribed ones too; those that all filters given take in.",
    scopes: READERS,
    reads: "standby",
    inPortal: "any",
    sharesItself: true,
    request: { status: "Subscribed", q: "customer", sort: "trouble", with_counts: true },
    response: page({
      ...webhook,
      counts: {
        delivered: 120,
        dead: 0,
        retried: 3,
        pending: 1,
        last_success_at: "2026-01-31T12:30:00.000Z",
      },
    }),
  })
    .input(schema.listInput.prefault({}))
    .output(schema.webhookPage)
    .query(({ ctx, input }) => reading.list(ctx.webhooks, input)),

  history: operation({
    summary: "Show what was changed of a webhook",
    description:
      "Newest first: its settings, its health, when, and by which key or by the service itself. Kept until the retention has passed what followed; of health 1,000 changes a day at most.",
    scopes: READERS,
    reads: "standby",
    inPortal: "any",
    errors: ["webhook_not_found"],
    request: { id: webhook.id },
    response: page(webhookChange),
  })
    .input(schema.historyInput)
    .output(schema.webhookChangePage)
    .query(({ ctx, input }) => history(ctx.webhooks.store, input)),

  info: operation({
    summary: "Show a webhook",
    description: "With what has become of its deliveries.",
    scopes: READERS,
    inPortal: "any",
    errors: ["webhook_not_found"],
    request: { id: webhook.id },
    response: {
      ...webhook,
      counters: {
        delivered: 120,
        dead: 0,
        pending: 1,
        last_success_at: "2026-01-31T12:00:00.050Z",
        last_failure_at: null,
      },
    },
  })
    .input(schema.webhookIdInput)
    .output(schema.webhookInfo)
    .query(({ ctx, input }) => reading.info(ctx.webhooks, input.id)),

  delete: operation({
    summary: "Delete a webhook",
    description:
      "Its id is unknown at once and its pending deliveries are cancelled; its history stays readable by delivery and event.",
    scopes: MANAGERS,
    inPortal: "any",
    errors: ["webhook_not_found"],
    locks: "id",
    request: { id: webhook.id },
    response: {},
  })
    .input(schema.webhookIdInput)
    .output(nothing)
    .mutation(({ ctx, input }) => webhooks.remove(ctx.webhooks, input.id)),
});
