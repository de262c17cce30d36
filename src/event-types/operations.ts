// What can be done with event types. A tenant's change of a built-in type is a row of its own before the shared one.
import { invalid, PosthornError } from "../kernel/errors.ts";
import { ALL_TENANTS } from "../kernel/fields.ts";
import { readPage } from "../kernel/lists.ts";
import { formatId } from "../kernel/ids.ts";
import { rawJson } from "../kernel/raw-json.ts";
import {
  countEventTypes,
  createEventType,
  findEventType,
  listEventTypes,
  lockEventType,
  writeEventType,
  type EventTypeRow,
} from "../store/event-types.ts";
import {
  keepTypeVersions,
  listTypeVersions,
  type TypeVersionRow,
} from "../store/event-type-versions.ts";
import type { TenantStore } from "../store/tenant.ts";
import { CATALOGUE } from "./catalogue/index.ts";
import { tooSlow } from "./judging/busy.ts";
import type { Judging } from "./judging/index.ts";
import type {
  CreateInput,
  EventType,
  EventTypeVersion,
  HistoryInput,
  ListInput,
  UpdateInput,
} from "./schema.ts";

type Values = Pick<EventTypeRow, "description" | "schema" | "example" | "enforce">;

const TYPES_MAX = 1_000; // of a tenant's own, the archived too: publish() in the database holds the same where it adds types

const BUILT_IN = new Set(CATALOGUE.map(({ name }) => name));

/** What changing event types needs: new schemas are judged before anything is stored. */
export type EventTypesContext = { store: TenantStore; judging: Pick<Judging, "schema"> };

/** Makes a type; one that was deleted may be made again. */
export async function create(context: EventTypesContext, input: CreateInput): Promise<EventType> {
  const { store } = context;
  await checkSchema(context, input.schema);
  const { name, description = null } = input;
  const [schema, example] = [textOf(input.schema), textOf(input.example)];
  const current = await findEventType(store.db, store.tenant, name);
  const values = { description, schema, example, enforce: input.enforce ?? schema !== null };
  if (!current && (await countEventTypes(store.db, store.tenant, TYPES_MAX)) >= TYPES_MAX)
    throw new PosthornError(
      "too_many_event_types",
      `this tenant has ${TYPES_MAX} event types of its own, which is the most that one may have; use one of them`,
    );
  const made =
    current && !current.archived_at
      ? undefined
      : await store.db.transaction().execute(async (trx) => {
          const row = await createEventType(trx, store.tenant, name, judged(values));
          if (row) await keepTypeVersions(trx, store.tenant, [name], store.keyId);
          return row;
        });
  if (!made)
    throw new PosthornError(
      "event_type_exists",
      `${name} exists already; change it with event_types.update`,
    );
  return present(made);
}

/** Changes what the request names: null clears. A schema of one's own is enforced unless `enforce` is false. */
export async function update(context: EventTypesContext, input: UpdateInput): Promise<EventType> {
  const { store } = context;
  await checkSchema(context, input.schema);
  return change(store, input.name, (current) => {
    if (current.archived_at) throw notFound(input.name);
    const schema = input.schema === undefined ? current.schema : textOf(input.schema);
    const enforceByDefault = current.schema !== schema && schema !== null ? true : current.enforce;
    return {
      description: input.description === undefined ? current.description : input.description,
      schema,
      example: input.example === undefined ? current.example : textOf(input.example),
      enforce: input.enforce ?? (schema !== null && enforceByDefault),
      archived: false,
    };
  });
}

/** Archives a type: nothing new can subscribe to it, publishing goes on. Saying it twice is saying it once. */
export async function remove(store: TenantStore, name: string): Promise<Record<string, never>> {
  await change(store, name, (current) => ({ ...current, archived: true }));
  return {};
}

export function list(store: TenantStore, input: ListInput) {
  return readPage(
    store,
    { tenant: store.tenant, list: "event_types" },
    input,
    (span) => store.share(() => listEventTypes(store.db, store.tenant, span)),
    (row) => row.name,
    present,
  );
}

/**
 * Pages through what a type was, newest first; of one that all tenants share where the tenant has none of its own. What those were
 * `shared` knows: other databases have copies of what they are.
 */
export async function history(
  store: TenantStore,
  { name, ...page }: HistoryInput,
  shared: () => Promise<TenantStore>,
) {
  const type = await findEventType(store.db, store.tenant, name);
  if (!type) throw notFound(name);
  const of = { tenant: type.tenant, name };
  const { db, share } = type.tenant === ALL_TENANTS ? await shared() : store;
  return readPage(
    store,
    { tenant: store.tenant, list: "event_types.history", filter: of },
    page,
    ({ after, ...span }) =>
      share(() =>
        listTypeVersions(db, of, { ...span, before: after === null ? null : Number(after) }),
      ),
    (row) => String(row.version),
    presentVersion,
  );
}

async function checkSchema({ store, judging }: EventTypesContext, schema: unknown): Promise<void> {
  if (schema === null || schema === undefined) return;
  const checked = await judging.schema(store.tenant, schema);
  if (checked.kind === "busy") throw tooSlow("schema", checked.waitMs);
  if (checked.wrong !== null) throw invalid("schema", checked.wrong);
}

// Of two changes at once the second starts from what the first has made, so that neither is lost.
function change(
  store: TenantStore,
  name: string,
  changed: (current: EventTypeRow) => Values & { archived: boolean },
): Promise<EventType> {
  if (store.tenant === ALL_TENANTS && BUILT_IN.has(name))
    throw invalid(
      "name",
      `${name} is built in, and written anew by each start; change it for a tenant, or make another`,
    );
  return store.db.transaction().execute(async (trx) => {
    const current = await lockEventType(trx, store.tenant, name);
    if (!current) throw notFound(name);
    const { archived, ...values } = changed(current);
    const row = await writeEventType(trx, store.tenant, name, { ...judged(values), archived });
    await keepTypeVersions(trx, store.tenant, [name], store.keyId);
    return present(row);
  });
}

function notFound(name: string): PosthornError {
  return new PosthornError(
    "event_type_not_found",
    `no event type is called ${name}; event_types.list shows those there are`,
  );
}

function judged({ description, schema, example, enforce }: Values): Values {
  if (enforce && schema === null)
    throw invalid(
      "enforce",
      "there is no schema to hold payloads to; give one, or leave enforce out",
    );
  return { description, schema, example, enforce };
}

function textOf(value: unknown): string | null {
  return value === undefined || value === null ? null : JSON.stringify(value);
}

function present(row: EventTypeRow): EventType {
  return {
    name: row.name,
    description: row.description,
    schema: rawJson(row.schema),
    example: rawJson(row.example),
    enforce: row.enforce,
    created_at: row.created_at.toISOString(),
    updated_at: row.updated_at.toISOString(),
  };
}

function presentVersion(row: TypeVersionRow): EventTypeVersion {
  const { made_by: key, made_by_name: name } = row;
  return {
    version: row.version,
    at: row.changed_at.toISOString(),
    by: name === null ? null : { key_id: key === null ? null : formatId("key", key), name },
    description: row.description,
    schema: rawJson(row.schema),
    example: rawJson(row.example),
    enforce: row.enforce,
    is_archived: row.is_archived,
  };
}
