// The business around conversations: campaigns that end, conversations handed from one to another.
import { z } from "zod";

import { builtIn, conversationId, time } from "./built-in.ts";

const count = z.int().nonnegative();

const campaign = z.object({
  id: z.string(),
  name: z.string(),
  started_at: time,
  completed_at: time,
  counts: z
    .object({ recipients: count, sent: count, delivered: count, read: count, failed: count })
    .meta({ description: "Of contacts; `recipients` is `sent` and `failed` together." }),
});

const desk = z.object({
  kind: z.enum(["agent", "team", "bot"]),
  id: z.string(),
  name: z.string().optional(),
});

const transfer = z.object({
  id: z.string(),
  conversation_id: conversationId,
  contact_id: z.string(),
  from: desk,
  to: desk,
  reason: z.string().nullable(),
  created_at: time,
});

export const OPERATION_TYPES = [
  builtIn("campaign.completed", "A campaign has nothing left to send.", campaign, {
    id: "campaign-58",
    name: "Spring opening hours",
    started_at: "2026-03-23T09:00:00.000Z",
    completed_at: "2026-03-23T09:14:37.420Z",
    counts: { recipients: 1_240, sent: 1_231, delivered: 1_198, read: 874, failed: 9 },
  }),
  builtIn(
    "transfer.created",
    "A conversation was handed to another agent, team or bot.",
    transfer,
    {
      id: "transfer-731",
      conversation_id: "iMessage;-;+15551234567",
      contact_id: "contact-2201",
      from: { kind: "bot", id: "bot-1", name: "Front desk" },
      to: { kind: "team", id: "team-4", name: "Orders" },
      reason: "The contact asked for a person.",
      created_at: "2026-03-23T23:56:12.090Z",
    },
  ),
];
