// What can be done with event types. A tenant's change of a built-in type is a row of its own before the shared one.
import { invalid, PosthornError } from "../kernel/errors.ts";
import { readPage } from "../kernel/lists.ts";
import {
  createEventType,
  findEventType,
  listEventTypes,
  writeEventType,
  type EventTypeRow,
} from "../store/event-types.ts";
import type { TenantStore } from "../store/tenant.ts";
import type { CreateInput, EventType, ListInput, UpdateInput } from "./schema.ts";

/** Makes a type; one that was deleted may be made again. */
export async function create(store: TenantStore, input: CreateInput): Promise<EventType> {
  const { name, description = null, schema = null, example = null } = input;
  const current = await findEventType(store.db, store.tenant, name);
  const values = { description, schema, example, enforce: input.enforce ?? schema !== null };
  const made =
    current && !current.archived_at
      ? undefined
      : await createEventType(store.db, store.tenant, name, text(values));
  if (!made)
    throw new PosthornError(
      "event_type_exists",
      `${name} exists already; change it with event_types.update`,
    );
  return present(made);
}

/** Changes what the request names: null clears. A schema of one's own is enforced unless told otherwise. */
export async function update(store: TenantStore, input: UpdateInput): Promise<EventType> {
  const current = await find(store, input.name);
  if (current.archived_at) throw notFound(input.name);
  const schema = input.schema === undefined ? current.schema : input.schema;
  const enforceByDefault = current.schema !== schema && schema !== null ? true : current.enforce;
  const values = {
    description: input.description === undefined ? current.description : input.description,
    schema,
    example: input.example === undefined ? current.example : input.example,
    enforce: input.enforce ?? (schema !== null && enforceByDefault),
  };
  const row = await writeEventType(store.db, store.tenant, input.name, {
    ...text(values),
    archived: false,
  });
  return present(row);
}

/** Archives a type: nothing new can subscribe to it, publishing goes on. Saying it twice is saying it once. */
export async function remove(store: TenantStore, name: string): Promise<Record<string, never>> {
  const { description, schema, example, enforce } = await find(store, name);
  const values = text({ description, schema, example, enforce });
  await writeEventType(store.db, store.tenant, name, { ...values, archived: true });
  return {};
}

export function list(store: TenantStore, input: ListInput) {
  return readPage(
    store.cursors,
    { tenant: store.tenant, list: "event_types" },
    input,
    (after, limit) => listEventTypes(store.db, store.tenant, { after, limit }),
    (row) => row.name,
    present,
  );
}

async function find(store: TenantStore, name: string): Promise<EventTypeRow> {
  const row = await findEventType(store.db, store.tenant, name);
  if (!row) throw notFound(name);
  return row;
}

function notFound(name: string): PosthornError {
  return new PosthornError(
    "event_type_not_found",
    `no event type is called ${name}; event_types.list shows those there are`,
  );
}

function text(values: {
  description: string | null;
  schema: unknown;
  example: unknown;
  enforce: boolean;
}) {
  if (values.enforce && values.schema === null)
    throw invalid(
      "enforce",
      "there is no schema to hold payloads to; give one, or leave enforce out",
    );
  const json = (value: unknown) => (value === null ? null : JSON.stringify(value));
  return { ...values, schema: json(values.schema), example: json(values.example) };
}

function present(row: EventTypeRow): EventType {
  return {
    name: row.name,
    description: row.description,
    schema: row.schema,
    example: row.example,
    enforce: row.enforce,
    created_at: row.created_at.toISOString(),
    updated_at: row.updated_at.toISOString(),
  };
}
