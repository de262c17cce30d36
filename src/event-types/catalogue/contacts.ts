// The people on the other end.
import { z } from "zod";

import { builtIn, metadata, party, time } from "./built-in.ts";

const contact = z.object({
  id: z.string(),
  display_name: z.string().nullable(),
  addresses: z.array(party).meta({ description: "Where the contact can be reached." }),
  metadata,
  created_at: time,
  updated_at: time,
});

const grace: z.input<typeof contact> = {
  id: "contact-2201",
  display_name: "Grace Hopper",
  addresses: ["+15551234567", "grace@example.org"],
  metadata: { language: "en" },
  created_at: "2026-03-20T08:12:40.002Z",
  updated_at: "2026-03-20T08:12:40.002Z",
};

export const CONTACT_TYPES = [
  builtIn("contact.created", "A contact was added, by hand or by a first message.", contact, grace),
  builtIn("contact.updated", "A contact's name, addresses or metadata changed.", contact, {
    ...grace,
    metadata: { language: "en", plan: "gold" },
    updated_at: "2026-03-23T23:58:00.731Z",
  }),
];
