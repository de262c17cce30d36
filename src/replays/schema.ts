// What a replay is on the wire, and what asking for one takes.
import { z } from "zod";

import { idInput, instant, instantInput, webhookIdInput } from "../kernel/fields.ts";
import { pageInput, pageOutput } from "../kernel/lists.ts";
import { request } from "../kernel/request.ts";

const dryRun = z.boolean().default(false).meta({ description: "Only counts; queues nothing." });
const wantedStatus = z.enum(["delivered", "dead", "cancelled", "never"]);

export const replayInput = request({
  id: webhookIdInput,
  since: instantInput.meta({ description: "Events created at or after this." }),
  until: instantInput
    .optional()
    .meta({ description: "Events created before this; left out, or later than now: up to now." }),
  status: wantedStatus.optional().meta({
    description:
      "Only events whose newest delivery to this webhook ended so; `never`: that match its filter now and never had one. Left out: all that match its filter now, whatever became of them.",
  }),
  dry_run: dryRun,
})
  .refine(({ since, until }) => until === undefined || until > since, {
    path: ["until"],
    message: "a time after `since` is needed",
  })
  .meta({ id: "ReplayRequest" });

export const retryDeadInput = request({ id: webhookIdInput, dry_run: dryRun }).meta({
  id: "RetryDeadRequest",
});

export const replayStarted = z
  .object({
    replay_id: z.string().nullable().meta({ description: "null for a dry run." }),
    matched: z.int().meta({ description: "How many events are sent again, or at least so many." }),
    is_exact: z.boolean().meta({
      description:
        "false: there were too many to count at once. They are all sent again, and `matched` of replays.info rises as the rest is found.",
    }),
  })
  .meta({ id: "ReplayStarted" });

export const replay = z
  .object({
    id: z.string(),
    webhook_id: z.uuid(),
    matched: z.int().meta({
      description:
        "How many events matched at the call. Where they were too many to be counted at once, it rises as the rest is found.",
    }),
    queued: z.int().meta({ description: "How many deliveries were made so far." }),
    delivered: z.int(),
    dead: z.int(),
    cancelled: z.int(),
    left_out: z
      .object({
        pending: z.int().meta({ description: "A delivery of theirs was pending." }),
        sent_again: z.int().meta({ description: "They were sent again after the call." }),
        payload_gone: z
          .int()
          .meta({ description: "Their payload was erased, or its time is over." }),
      })
      .meta({ description: "How many events were as asked for and not sent again, and why." }),
    status: z.enum(["running", "done", "cancelled"]).meta({
      description: "`done` once all is queued and each of its deliveries has ended.",
    }),
    cause: z.enum(["replay", "retry"]).meta({
      description: "`retry`: of all that was dead at `created_at`.",
    }),
    wanted_status: wantedStatus
      .nullable()
      .meta({ description: "The `status` that was asked for; null: whatever became of them." }),
    since: instant
      .nullable()
      .meta({ description: "Of events created at or after this; null: from the first on." }),
    until: instant.meta({ description: "Of events created before this." }),
    created_at: instant,
    finished_at: instant.nullable(),
  })
  .meta({ id: "Replay" });

export const replayIdInput = request({ id: idInput("rpl") }).meta({ id: "ReplayId" });

export const listReplaysInput = request({
  webhook_id: webhookIdInput.optional(),
  ...pageInput,
}).meta({ id: "ListReplaysRequest" });

export const replayPage = pageOutput(replay).meta({ id: "ReplayPage" });

export type ReplayInput = z.output<typeof replayInput>;
export type RetryDeadInput = z.output<typeof retryDeadInput>;
export type ReplayStarted = z.output<typeof replayStarted>;
export type Replay = z.output<typeof replay>;
export type ListReplaysInput = z.output<typeof listReplaysInput>;
