// What finding takes and answers.
import { z } from "zod";

import { awayCells, itsTenant, searchedText } from "../kernel/fields.ts";
import { request } from "../kernel/request.ts";

export const findInput = request({
  q: searchedText.meta({
    description:
      "An id, an idempotency key, an external_id, a channel, a type, or part of a webhook's name or URL.",
  }),
}).meta({ id: "FindRequest" });

/** What there is to be found; of what is called alike, the surest kind first. */
export const KINDS = [
  "event",
  "delivery",
  "attempt",
  "replay",
  "key",
  "webhook",
  "channel",
  "event_type",
] as const;

const found = z
  .object({
    kind: z.enum(KINDS),
    id: z.string().meta({ description: "Its id; of a channel and a type, its name." }),
    tenant: itsTenant,
    label: z.string().nullable().meta({ description: "For people: a name, a URL or a type." }),
    webhook_id: z.string().nullable().meta({ description: "Of which webhook it is." }),
    event_id: z.string().nullable().meta({ description: "Of which event it is." }),
    delivery_id: z.string().nullable().meta({ description: "Of which delivery it is." }),
  })
  .meta({ id: "FoundThing" });

export const foundThings = z
  .object({
    data: z.array(found).meta({ description: "The best first; at most 30." }),
    away: awayCells,
  })
  .meta({ id: "FoundThings" });

export type FoundThing = z.output<typeof found>;
