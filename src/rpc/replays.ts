// replays.*: the one definition of each operation on replays; webhooks.replay starts them.
import { MANAGERS, READERS } from "../kernel/scopes.ts";
import * as replays from "../replays/operations.ts";
import * as schema from "../replays/schema.ts";
import { samples } from "./samples.ts";
import { operation, router } from "./trpc.ts";

const { replay, page } = samples;

export const replaysRouter = router({
  info: operation({
    summary: "Show a replay",
    description: "How far it is, and what has become of its deliveries.",
    scopes: READERS,
    inPortal: "any",
    errors: ["replay_not_found"],
    request: { id: replay.id },
    response: replay,
  })
    .input(schema.replayIdInput)
    .output(schema.replay)
    .query(({ ctx, input }) => replays.info(ctx.replays, input.id)),

  cancel: operation({
    summary: "End a replay",
    description:
      "Nothing more is queued, and its pending deliveries are cancelled. One that has ended is answered as it is.",
    scopes: MANAGERS,
    inPortal: "any",
    errors: ["replay_not_found"],
    locks: "id",
    request: { id: replay.id },
    response: {
      ...replay,
      cancelled: 20,
      status: "cancelled",
      finished_at: "2026-01-31T12:14:00.000Z",
    },
  })
    .input(schema.replayIdInput)
    .output(schema.replay)
    .mutation(({ ctx, input }) => replays.cancel(ctx.replays, input.id)),

  list: operation({
    summary: "List replays",
    description: "Newest first, those of `webhooks.retry_dead` too.",
    scopes: READERS,
    reads: "standby",
    inPortal: "any",
    errors: ["webhook_not_found"],
    request: { webhook_id: replay.webhook_id },
    response: page(replay),
  })
    .input(schema.listReplaysInput.prefault({}))
    .output(schema.replayPage)
    .query(({ ctx, input }) => replays.list(ctx.replays, input)),
});
