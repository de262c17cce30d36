// What happens around messages in a conversation: reactions, typing and read receipts.
import { z } from "zod";

import { builtIn, conversationId, party, time } from "./built-in.ts";

const signal = z.object({
  conversation_id: conversationId,
  sender: party,
  is_from_me: z.boolean(),
  timestamp: time,
});

const aboutMessage = signal.extend({
  message_id: z.string().meta({ description: "The message that it is about." }),
});

const reaction = aboutMessage.extend({
  reaction: z.string().meta({ description: "A tapback's name, such as love, or an emoji." }),
});

const typing: z.input<typeof signal> = {
  conversation_id: "iMessage;-;+15551234567",
  sender: "+15551234567",
  is_from_me: false,
  timestamp: "2026-03-23T23:52:20Z",
};

const love: z.input<typeof reaction> = { ...typing, message_id: "94712", reaction: "love" };

export const SIGNAL_TYPES = [
  builtIn("reaction.added", "Someone reacted to a message.", reaction, love),
  builtIn("reaction.removed", "Someone took back a reaction to a message.", reaction, love),
  builtIn("typing.started", "Someone began to type in a conversation.", signal, typing),
  builtIn("typing.stopped", "Someone stopped typing in a conversation.", signal, {
    ...typing,
    timestamp: "2026-03-23T23:52:26Z",
  }),
  builtIn("receipt.read", "Someone read a conversation up to a message.", aboutMessage, {
    ...typing,
    timestamp: "2026-03-23T23:55:31Z",
    message_id: "94712",
  }),
];
