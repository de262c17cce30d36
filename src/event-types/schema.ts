// What an event type is on the wire, and what the operations on it take.
import { z } from "zod";

import { ALL_TENANTS, instant, madeBy, plainText } from "../kernel/fields.ts";
import { pageInput, pageOutput } from "../kernel/lists.ts";
import { request } from "../kernel/request.ts";
import { depthExceeds, holdsInfinity } from "../kernel/json.ts";
import { isReservedType, TYPE_NAME_MAX, TYPE_PATTERN } from "./names.ts";

const DESCRIPTION_MAX = 2_000;
const EXAMPLE_DEPTH_MAX = 100; // as deep as a schema may be, and
const EXAMPLE_BYTES_MAX = 64 * 1024; // as large

const name = z
  .string()
  .max(TYPE_NAME_MAX)
  .regex(
    TYPE_PATTERN,
    "words of letters, digits, _ and - joined by dots are needed, like message.created",
  );

const newName = name.refine(
  (value) => !isReservedType(value),
  "the prefixes webhook. and delivery. are kept for the service's own events",
);

const fields = {
  description: plainText(DESCRIPTION_MAX).nullable().optional(),
  schema: z
    .unknown()
    .optional()
    .meta({ description: "JSON Schema of the payload; null for none." }),
  example: z
    .unknown()
    .refine(
      (value) => !depthExceeds(value, EXAMPLE_DEPTH_MAX),
      `nested more than ${EXAMPLE_DEPTH_MAX} levels deep`,
    )
    .refine((value) => !holdsInfinity(value), "holds a number beyond 1.8e308")
    .refine(
      (value) =>
        value === undefined || Buffer.byteLength(JSON.stringify(value)) <= EXAMPLE_BYTES_MAX,
      `larger than ${EXAMPLE_BYTES_MAX} bytes (64 KiB) of JSON; shorten it`,
    )
    .optional()
    .meta({ description: "A sample payload." }),
  enforce: z.boolean().optional().meta({
    description:
      "Refuse payloads that do not fit; true unless said otherwise where a schema is given.",
  }),
};

const tenant = z
  .enum([ALL_TENANTS])
  .optional()
  .meta({ description: "`*`: of all tenants, those to come too. With an admin's key alone." });

export const createInput = request({ name: newName, tenant, ...fields }).meta({
  id: "CreateEventTypeRequest",
});
export const updateInput = request({ name, tenant, ...fields }).meta({
  id: "UpdateEventTypeRequest",
});
export const nameInput = request({ name, tenant }).meta({ id: "EventTypeName" });
export const listInput = request({ tenant, ...pageInput }).meta({ id: "ListEventTypesRequest" });

export const historyInput = request({ name, ...pageInput }).meta({
  id: "EventTypeHistoryRequest",
});

export const eventType = z
  .object({
    name: z.string(),
    description: z.string().nullable(),
    schema: z.unknown().meta({ description: "JSON Schema of the payload, or null." }),
    example: z.unknown().meta({ description: "A sample payload, or null." }),
    enforce: z.boolean(),
    created_at: instant,
    updated_at: instant,
  })
  .meta({ id: "EventType" });

export const eventTypeVersion = eventType
  .omit({ name: true, created_at: true, updated_at: true })
  .extend({
    version: z.int().meta({ description: "1, 2, …; the newest is what the type is now." }),
    at: instant,
    by: madeBy,
    is_archived: z.boolean(),
  })
  .meta({ id: "EventTypeVersion" });

export const eventTypeVersionPage = pageOutput(eventTypeVersion).meta({
  id: "EventTypeVersionPage",
});

export const eventTypePage = pageOutput(eventType).meta({ id: "EventTypePage" });

export type CreateInput = z.output<typeof createInput>;
export type UpdateInput = z.output<typeof updateInput>;
export type ListInput = z.output<typeof listInput>;
export type HistoryInput = z.output<typeof historyInput>;
export type EventTypeVersion = z.output<typeof eventTypeVersion>;
export type EventType = z.output<typeof eventType>;
