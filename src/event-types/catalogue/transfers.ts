// Conversations handed from one desk to another.
import { z } from "zod";

import { builtIn, conversationId, time } from "./built-in.ts";

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

export const TRANSFER_TYPES = [
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
