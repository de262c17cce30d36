// The four types of Airy, in its payload shapes: a receiver written for Airy reads them as they are.
import { z } from "zod";

import { builtIn, metadata, time, uri, uuid } from "./built-in.ts";

const source = z.string().meta({ description: "The messaging source, such as facebook." });

const message = z.object({
  id: uuid,
  content: z.looseObject({}).meta({ description: "The message as its source gave it." }),
  delivery_state: z.enum(["pending", "failed", "delivered"]),
  from_contact: z.boolean().meta({ description: "false: from us to the contact." }),
  sent_at: time,
  source,
  sender: z.object({ id: z.string() }),
  metadata: metadata.optional(),
});

const messageEvent = z.object({ conversation_id: uuid, channel_id: uuid, message });

const conversation = z.object({
  id: uuid,
  channel_id: uuid,
  created_at: time,
  metadata,
  last_message: message.optional(),
});

const channel = z.object({
  id: uuid,
  source,
  source_channel_id: z.string().meta({ description: "The channel's id at its source." }),
  metadata: z.looseObject({ name: z.string(), image_url: uri.optional() }),
  connected: z.boolean(),
});

const conversationId = "2e1da639-7152-4595-b43e-2117a55ac260";
const channelId = "b9963564-1167-5b5f-9f61-7c1a82573320";
const fromContact: z.input<typeof message> = {
  id: "771b8bb5-c611-4979-bfd9-f10bbddfcf9b",
  content: { text: "Is the blue one in stock?" },
  delivery_state: "delivered",
  from_contact: true,
  sent_at: "2026-03-23T23:49:54.560Z",
  source: "facebook",
  sender: { id: "facebook:5512345678" },
};

export const AIRY_TYPES = [
  builtIn("message.created", "A message was sent or received in a conversation.", messageEvent, {
    conversation_id: conversationId,
    channel_id: channelId,
    message: fromContact,
  }),
  builtIn("message.updated", "A message's delivery state or metadata changed.", messageEvent, {
    conversation_id: conversationId,
    channel_id: channelId,
    message: {
      id: "0f5a3f0e-6c1d-4f9a-9a4e-3c1f2b7d8e90",
      content: { text: "Yes, two are left." },
      delivery_state: "delivered",
      from_contact: false,
      sent_at: "2026-03-23T23:51:02.118Z",
      source: "facebook",
      sender: { id: "github:12345" },
      metadata: { source: { id: "m_AbC123", delivery_state: "seen" } },
    },
  }),
  builtIn(
    "conversation.updated",
    "A conversation's metadata or last message changed.",
    conversation,
    {
      id: conversationId,
      channel_id: channelId,
      created_at: "2026-03-20T08:12:40.002Z",
      metadata: { contact: { displayName: "Grace Hopper" } },
      last_message: fromContact,
    },
  ),
  builtIn(
    "channel.updated",
    "A channel was connected or disconnected, or its metadata changed.",
    channel,
    {
      id: channelId,
      source: "facebook",
      source_channel_id: "fb-page-id-1",
      metadata: { name: "Our page", image_url: "https://example.org/avatar.jpeg" },
      connected: true,
    },
  ),
];
