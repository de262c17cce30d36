// What a text stands for: whatever of the tenant has it as its id, its key or its name.
import { webhookIdInput } from "../kernel/fields.ts";
import { formatId, parseId } from "../kernel/ids.ts";
import type { KeyScope } from "../kernel/scopes.ts";
import { findDelivery } from "../store/deliveries.ts";
import { findEvent } from "../store/events.ts";
import { listEventTypeNames } from "../store/event-types.ts";
import { findDeliveryOfAttempt, findKeyedEvent, isChannel } from "../store/find.ts";
import { findKey } from "../store/keys.ts";
import { findReplay } from "../store/replays.ts";
import { readNow } from "../store/stats.ts";
import type { TenantStore } from "../store/tenant.ts";
import { listWebhooks } from "../store/webhook-list.ts";
import { findWebhook, type WebhookRow } from "../store/webhooks.ts";
import type { FoundThing } from "./schema.ts";

export type FindContext = { store: TenantStore; scope: KeyScope };
type Find = (context: FindContext, q: string) => Promise<FoundThing[]>;

const OF_A_KIND_MAX = 10; // webhooks and types that are called like it
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
  evt: async ({ store }, uuid) => {
    const event = await findEvent(store.db, store.tenant, uuid);
    return event ? [thing("event", formatId("evt", uuid), event.type)] : [];
  },
  dlv: ({ store }, uuid) => delivery(store, uuid),
  att: async ({ store }, uuid) => {
    const deliveryId = await findDeliveryOfAttempt(store.db, store.tenant, uuid);
    if (deliveryId === undefined) return [];
    const [of] = await delivery(store, deliveryId);
    if (!of) return [];
    return [{ ...of, kind: "attempt", id: formatId("att", uuid), delivery_id: of.id }];
  },
  rpl: async ({ store }, uuid) => {
    const replay = await findReplay(store.db, store.tenant, uuid);
    if (!replay) return [];
    return [thing("replay", formatId("rpl", uuid), null, { webhook_id: replay.webhook_id })];
  },
  key: async ({ store, scope }, uuid) => {
    const key = scope === "admin" ? await findKey(store.db, uuid) : undefined;
    const isOfTenant = key?.tenant === null || key?.tenant === store.tenant;
    return key && isOfTenant ? [thing("key", formatId("key", uuid), key.name)] : [];
  },
};

async function byId(context: FindContext, q: string): Promise<FoundThing[]> {
  for (const prefix of ["evt", "dlv", "att", "rpl", "key"] as const) {
    const uuid = parseId(prefix, q);
    if (uuid !== undefined) return BY_PREFIX[prefix](context, uuid);
  }
  const { data: uuid } = webhookIdInput.safeParse(q);
  const row = uuid && (await findWebhook(context.store.db, context.store.tenant, uuid));
  return row ? [webhookThing(row)] : [];
}

const webhookThing = ({ id, name, url }: WebhookRow) => thing("webhook", id, name ?? url);

async function delivery({ db, tenant }: TenantStore, uuid: string): Promise<FoundThing[]> {
  const row = await findDelivery(db, tenant, uuid);
  if (!row) return [];
  const of = { webhook_id: row.webhook_id, event_id: formatId("evt", row.event_id) };
  return [thing("delivery", formatId("dlv", uuid), row.type, of)];
}

async function byIdempotencyKey({ store }: FindContext, q: string): Promise<FoundThing[]> {
  const id = await findKeyedEvent(store.db, store.tenant, q);
  const event = id === undefined ? undefined : await findEvent(store.db, store.tenant, id);
  return event ? [thing("event", formatId("evt", event.id), event.type)] : [];
}

async function webhooks({ store }: FindContext, q: string): Promise<FoundThing[]> {
  const page = { q, after: null, limit: OF_A_KIND_MAX, bytesMax: BYTES_MAX };
  const rows = await listWebhooks(store.db, store.tenant, page);
  const exact = (row: (typeof rows)[number]) =>
    [row.id, row.external_id, row.name, row.url].includes(q);
  return rows.toSorted((a, b) => Number(exact(b)) - Number(exact(a))).map(webhookThing);
}

async function channel({ store }: FindContext, q: string): Promise<FoundThing[]> {
  const isKnown = await isChannel(store.db, store.tenant, q, await readNow(store.db));
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
