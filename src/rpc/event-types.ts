// event_types.*: the one definition of each operation on event types.

import * as eventTypes from "../event-types/operations.ts";
import * as schema from "../event-types/schema.ts";
import { nothing } from "../kernel/fields.ts";
import { MANAGERS, READERS } from "../kernel/scopes.ts";
import { samples } from "./samples.ts";
import { operation, router } from "./trpc.ts";

const { eventType, page } = samples;
const { name, description, schema: jsonSchema, example } = eventType;

export const eventTypesRouter = router({
  create: operation({
    summary: "Create an event type",
    description:
      "With a schema, payloads that do not fit are refused at publish, unless `enforce` is false.",
    scopes: MANAGERS,
    errors: ["event_type_exists", "too_many_event_types"],
    whenUnsure: "send it again: event_type_exists then says that it was done",
    request: { name, description, schema: jsonSchema, example },
    response: eventType,
  })
    .input(schema.createInput)
    .output(schema.eventType)
    .mutation(({ ctx, input }) => eventTypes.create(ctx.events, input)),

  update: operation({
    summary: "Change an event type",
    description:
      "A patch: left out keeps, null clears. A built-in type is changed for this tenant alone.",
    scopes: MANAGERS,
    errors: ["event_type_not_found"],
    locks: "name",
    request: { name, enforce: false },
    response: { ...eventType, enforce: false },
  })
    .input(schema.updateInput)
    .output(schema.eventType)
    .mutation(({ ctx, input }) => eventTypes.update(ctx.events, input)),

  delete: operation({
    summary: "Archive an event type",
    description: "Nothing new can subscribe to it; publishing goes on.",
    scopes: MANAGERS,
    errors: ["event_type_not_found"],
    locks: "name",
    request: { name },
    response: {},
  })
    .input(schema.nameInput)
    .output(nothing)
    .mutation(({ ctx, input }) => eventTypes.remove(ctx.events.store, input.name)),

  list: operation({
    summary: "List event types",
    description: "By name; the built-in ones too, without the archived ones.",
    scopes: READERS,
    inPortal: "any",
    sharesItself: true,
    request: { page_size: 50 },
    response: page(eventType),
  })
    .input(schema.listInput.prefault({}))
    .output(schema.eventTypePage)
    .query(({ ctx, input }) => eventTypes.list(ctx.events.store, input)),
});
