// event_types.*: the one definition of each operation on event types.

import * as eventTypes from "../event-types/operations.ts";
import * as schema from "../event-types/schema.ts";
import { PosthornError } from "../kernel/errors.ts";
import { nothing } from "../kernel/fields.ts";
import { MANAGERS, READERS } from "../kernel/scopes.ts";
import { samples } from "./samples.ts";
import { operation, router, type Context } from "./trpc.ts";

const { eventType, eventTypeVersion, page } = samples;
const { name, description, schema: jsonSchema, example } = eventType;

// What all tenants share stands under the tenant `*`, which no key has, in the home where there are cells: these have a copy.
async function contextOf(
  ctx: Context,
  { tenant }: { tenant?: "*" | undefined },
): Promise<Context["events"]> {
  if (tenant === undefined) return ctx.events;
  if (ctx.caller.scope !== "admin")
    throw new PosthornError(
      "forbidden",
      "tenant: the event types of all tenants are an admin's; leave tenant out for those of your own",
    );
  const events = await sharedOf(ctx);
  return { ...events, store: { ...events.store, tenant } };
}

const sharedOf = async (ctx: Context) => (ctx.home ? await ctx.home() : ctx).events;

export const eventTypesRouter = router({
  create: operation({
    summary: "Create an event type",
    description:
      "With a schema, payloads that do not fit are refused at publish, unless `enforce` is false. With `tenant: *` it is every tenant's; one of a tenant's own, of the same name, goes before it there.",
    scopes: MANAGERS,
    errors: ["event_type_exists", "too_many_event_types"],
    whenUnsure: "send it again: event_type_exists then says that it was done",
    request: { name, description, schema: jsonSchema, example },
    response: eventType,
  })
    .input(schema.createInput)
    .output(schema.eventType)
    .mutation(async ({ ctx, input }) => eventTypes.create(await contextOf(ctx, input), input)),

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
    .mutation(async ({ ctx, input }) => eventTypes.update(await contextOf(ctx, input), input)),

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
    .mutation(async ({ ctx, input }) =>
      eventTypes.remove((await contextOf(ctx, input)).store, input.name),
    ),

  history: operation({
    summary: "Show what an event type was",
    description:
      "Newest first: each change of it, when, and by which key or by the service itself. The last 20 are kept; a type that was added by a publish has none until it is changed.",
    scopes: READERS,
    errors: ["event_type_not_found"],
    sharesItself: true,
    request: { name },
    response: page(eventTypeVersion),
  })
    .input(schema.historyInput)
    .output(schema.eventTypeVersionPage)
    .query(({ ctx, input }) =>
      eventTypes.history(ctx.events.store, input, async () => (await sharedOf(ctx)).store),
    ),

  list: operation({
    summary: "List event types",
    description: "By name; the built-in ones too, without the archived ones.",
    scopes: READERS,
    reads: "standby",
    inPortal: "any",
    sharesItself: true,
    request: { page_size: 50 },
    response: page(eventType),
  })
    .input(schema.listInput.prefault({}))
    .output(schema.eventTypePage)
    .query(async ({ ctx, input }) => eventTypes.list((await contextOf(ctx, input)).store, input)),
});
