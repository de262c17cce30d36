// What a text stands for: whatever of the tenant has it as its id, its key or its name.
import { webhookIdInput } from "../kernel/fields.ts";
import { formatId, parseId } from "../kernel/ids.ts";
import type { KeyScope } from "../kernel/scopes.ts";
import { findDelivery } from "../store/deliveries.ts";
import { searchStored } from "../store/delivery-search.ts";
import { listEventTypeNames } from "../store/event-types.ts";
import { findDeliveryOfAttempt, findKeyedEvents, isChannel } from "../store/find.ts";
import { findKey } from "../store/keys.ts";
import { tellTenant, type Reach } from "../store/reach.ts";
import { findReplay } from "../store/replays.ts";
import { findEvent } from "../store/seen-events.ts";
import { readNow } from "../store/stats.ts";
import type { TenantStore } from "../store/tenant.ts";
import { listWebhooks } from "../store/webhook-list.ts";
import { findWebhook, type WebhookRow } from "../store/webhooks.ts";
import { OF_A_KIND_MAX } from "./merge.ts";
import type { FoundThing } from "./schema.ts";

export type FindContext = { store: TenantStore; scope: KeyScope };
type Find = (context: FindContext, q: string) => Promise<FoundThing[]>;

const BYTES_MAX = 256 * 1024; // of ten webhooks' rows

/** What `q` is the id of, or else everything that it stands for, the surest first: keys, then names. */
export async function find(context: FindContext, q: string): Promise<{ data: FoundThing[] }> {
  const data = await byId(context, q);
  if (data.length > 0) return { data }; // what else may be called so is not meant
  for (const look of [byIdempotencyKey, webhooks, channel, eventTypes])
    data.push(...(await look(context, q)));
  return { data };
}

const thing = (
  kind: FoundThing["kind"],
  id: string,
  label: string | null,
  of: Partial<FoundThing> = {},
): FoundThing => ({ kind, id, label, webhook_id: null, event_id: null, delivery_id: null, ...of });

const BY_PREFIX: Record<"evt" | "dlv" | "att" | "rpl" | "key", Find> = {
  evt: ({ store }, uuid) => event(store, uuid),
  dlv: ({ store }, uuid) => delivery(store, uuid),
  att: async ({ store }, uuid) => {
    const deliveryId = await findDeliveryOfAttempt(store.db, store.reach, uuid);
    if (deliveryId === undefined) return [];
    const [of] = await delivery(store, deliveryId);
    if (!of) return [];
    return [{ ...of, kind: "attempt", id: formatId("att", uuid), delivery_id: of.id }];
  },
  rpl: async ({ store }, uuid) => {
    const replay = await findReplay(store.db, store.reach, uuid);
    if (!replay) return [];
    const of = { ...tellTenant(store.reach, replay), webhook_id: replay.webhook_id };
    return [thing("replay", formatId("rpl", uuid), null, of)];
  },
  key: async ({ store, scope }, uuid) => {
    const key = scope === "admin" ? await findKey(store.db, uuid) : undefined;
    const { tenant } = store.reach;
    const isOfTenant = [null, key?.tenant].includes(tenant) || key?.tenant === null;
    return key && isOfTenant ? [thing("key", formatId("key", uuid), key.name)] : [];
  },
};

async function byId(context: FindContext, q: string): Promise<FoundThing[]> {
  for (const prefix of ["evt", "dlv", "att", "rpl", "key"] as const) {
    const uuid = parseId(prefix, q);
    if (uuid !== undefined) return BY_PREFIX[prefix](context, uuid);
  }
  const { data: uuid } = webhookIdInput.safeParse(q);
  const { db, reach } = context.store;
  if (uuid === undefined || reach.tenant === null) return []; // of several tenants each may have one of this id
  const row = await findWebhook(db, reach, uuid);
  return row ? [webhookThing(reach, row)] : [];
}

const webhookThing = (reach: Reach, row: WebhookRow) =>
  thing("webhook", row.id, row.name ?? row.url, tellTenant(reach, row));

async function event({ db, reach }: TenantStore, uuid: string): Promise<FoundThing[]> {
  const row = await findEvent(db, reach, uuid);
  return row ? [thing("event", formatId("evt", uuid), row.type, tellTenant(reach, row))] : [];
}

async function delivery({ db, reach }: TenantStore, uuid: string): Promise<FoundThing[]> {
  const row = await findDelivery(db, reach, uuid);
  if (!row) return [];
  const of = {
    ...tellTenant(reach, row),
    webhook_id: row.webhook_id,
    event_id: formatId("evt", row.event_id),
  };
  return [thing("delivery", formatId("dlv", uuid), row.type, of)];
}

async function byIdempotencyKey({ store }: FindContext, q: string): Promise<FoundThing[]> {
  const found: FoundThing[] = [];
  for (const id of await findKeyedEvents(store.db, store.reach, q, OF_A_KIND_MAX))
    found.push(...(await event(store, id)));
  return found;
}

async function webhooks({ store }: FindContext, q: string): Promise<FoundThing[]> {
  const page = { q, after: null, limit: OF_A_KIND_MAX, bytesMax: BYTES_MAX };
  const rows = await listWebhooks(store.db, store.reach, page);
  const exact = (row: (typeof rows)[number]) =>
    [row.id, row.external_id, row.name, row.url].includes(q);
  return rows
    .toSorted((a, b) => Number(exact(b)) - Number(exact(a)))
    .map((row) => webhookThing(store.reach, row));
}

async function channel({ store }: FindContext, q: string): Promise<FoundThing[]> {
  const { db, reach, monotonic } = store;
  const isKnown =
    (await isChannel(db, reach, q, await readNow(db))) ||
    (reach.webhooks !== null &&
      (await searchStored(db, reach, { channel: q, limit: 1 }, monotonic)).rows.length > 0);
  return isKnown ? [thing("channel", q, q)] : [];
}

async function eventTypes({ store }: FindContext, q: string): Promise<FoundThing[]> {
  const names = await listEventTypeNames(store.db, store.tenant);
  const called = names.filter((name) => name.includes(q.toLowerCase()));
  return called
    .toSorted((a, b) => Number(b === q) - Number(a === q))
    .slice(0, OF_A_KIND_MAX)
    .map((name) => thing("event_type", name, name));
}
