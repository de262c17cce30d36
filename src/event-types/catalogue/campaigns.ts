// Campaigns: one message to many contacts.
import { z } from "zod";

import { builtIn, time } from "./built-in.ts";

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

export const CAMPAIGN_TYPES = [
  builtIn("campaign.completed", "A campaign has nothing left to send.", campaign, {
    id: "campaign-58",
    name: "Spring opening hours",
    started_at: "2026-03-23T09:00:00.000Z",
    completed_at: "2026-03-23T09:14:37.420Z",
    counts: { recipients: 1_240, sent: 1_231, delivered: 1_198, read: 874, failed: 9 },
  }),
];
