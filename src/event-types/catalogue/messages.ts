// Messages in the flat shape of iMessage-style APIs, from arrival or sending to their end.
import { z } from "zod";

import { builtIn, conversationId, party, time, uri } from "./built-in.ts";

const attachment = z.object({
  id: z.string(),
  filename: z.string(),
  mime_type: z.string(),
  size_bytes: z.int().nonnegative(),
  url: uri,
});

const message = z.object({
  id: z.string(),
  guid: z.string().meta({ description: "The message's id at its network." }),
  conversation_id: conversationId,
  sender: party,
  body: z.string().meta({ description: "The text; empty where there are only attachments." }),
  attachments: z.array(attachment),
  timestamp: time,
  is_from_me: z.boolean(),
  status: z.enum(["pending", "sent", "delivered", "read", "failed"]),
});

const delivered = message.extend({ delivered_at: time });
const read = message.extend({ read_at: time });
const failed = message.extend({ error: z.object({ code: z.string(), message: z.string() }) });

const incoming: z.input<typeof message> = {
  id: "94711",
  guid: "F568F54A-1234-5678-ABCD-000000000000",
  conversation_id: "iMessage;-;+15551234567",
  sender: "+15551234567",
  body: "Here is the form, signed.",
  attachments: [
    {
      id: "att-301",
      filename: "form.pdf",
      mime_type: "application/pdf",
      size_bytes: 48_213,
      url: "https://files.example.org/att-301",
    },
  ],
  timestamp: "2026-03-23T23:49:54Z",
  is_from_me: false,
  status: "delivered",
};

const outgoing: z.input<typeof message> = {
  id: "94712",
  guid: "0B9D3C1E-1234-5678-ABCD-000000000000",
  conversation_id: "iMessage;-;+15551234567",
  sender: "+15557654321",
  body: "Thank you, it has arrived.",
  attachments: [],
  timestamp: "2026-03-23T23:51:10Z",
  is_from_me: true,
  status: "sent",
};

export const MESSAGE_TYPES = [
  builtIn("message.received", "A contact's message arrived.", message, incoming),
  builtIn("message.sent", "A message of ours was handed to its network.", message, outgoing),
  builtIn(
    "message.incoming",
    "A contact's message arrived: message.received under the name that some receivers expect.",
    message,
    incoming,
  ),
  builtIn("message.delivered", "A message of ours reached the contact's device.", delivered, {
    ...outgoing,
    status: "delivered",
    delivered_at: "2026-03-23T23:51:12Z",
  }),
  builtIn("message.read", "The contact read a message of ours.", read, {
    ...outgoing,
    status: "read",
    read_at: "2026-03-23T23:55:31Z",
  }),
  builtIn("message.failed", "A message of ours could not be sent or delivered.", failed, {
    ...outgoing,
    status: "failed",
    error: { code: "not_registered", message: "The number has no iMessage account." },
  }),
];
