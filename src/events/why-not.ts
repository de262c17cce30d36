// For each webhook that an event did not go to: why. Who got it is read from the deliveries alone, why others did not from
// what they were when it was published.
import { formatId } from "../kernel/ids.ts";
import { HOUR } from "../kernel/duration.ts";
import { PosthornError } from "../kernel/errors.ts";
import { readPage, type Found } from "../kernel/lists.ts";
import { lookThrough } from "../kernel/look-through.ts";
import {
  findExpanding,
  findFormer,
  findNewest,
  listAsked,
  type AskedWebhook,
  type FormerFilter,
  type NewestDelivery,
} from "../store/event-webhooks.ts";
import type { EventRow } from "../store/events.ts";
import { findEvent } from "../store/seen-events.ts";
import type { TenantStore } from "../store/tenant.ts";
import type { PublishContext } from "./publish.ts";
import { notFound } from "./read.ts";
import { reasonOf } from "./reasons.ts";
import type { NotSent, WhyNotInput } from "./why-not-schema.ts";

const WEBHOOKS = { min: 50, first: 100, max: 1_000 }; // looked at by one round of statements
const CANCELLED = ["unsubscribed", "deleted", "erased", "held_too_long"] as const;

type Verdict = Pick<NotSent, "reason"> &
  Partial<Pick<NotSent, "since" | "held_until" | "delivery_id">>;
type Judged = AskedWebhook & { verdict: Verdict };

/** Pages through the webhooks that an event did not go to, newest first. */
export async function whyNot(
  { store, holdH }: Pick<PublishContext, "store" | "holdH">,
  input: WhyNotInput,
) {
  const { id, webhook_id, cursor, page_size } = input;
  const event = await findEvent(store.db, store.reach, id);
  if (!event) throw notFound(id);
  const look = async (after: string | null, size: number, limit: number) => {
    const asked = await askedOf(store, event, webhook_id, { after: placeOf(after), limit: size });
    const rows = (await judge(store, holdH, event, asked)).slice(0, limit);
    const last = asked.at(-1);
    return { rows, end: last && asked.length === size ? position(last) : null };
  };
  return readPage(
    store,
    { tenant: store.tenant, list: "why not", filter: [id, webhook_id] },
    { cursor, page_size },
    ({ after, limit }): Promise<Found<Judged>> =>
      lookThrough(store.monotonic, { after, limit, sizes: WEBHOOKS }, look),
    position,
    (webhook) => present(event, webhook),
  );
}

async function askedOf(
  { db, reach }: TenantStore,
  event: EventRow,
  webhookId: string | undefined,
  page: { after: ReturnType<typeof placeOf>; limit: number },
): Promise<AskedWebhook[]> {
  const asked = await listAsked(db, reach, { at: event.created_at, id: webhookId, ...page });
  if (webhookId === undefined || asked.length > 0 || page.after) return asked;
  throw new PosthornError(
    "webhook_not_found",
    `no webhook has or had the id ${webhookId}; webhooks.list shows those there are`,
  );
}

async function judge(
  { db, tenant }: TenantStore,
  holdH: number,
  event: EventRow,
  asked: readonly AskedWebhook[],
): Promise<Judged[]> {
  const ids = asked.map(({ webhook_id }) => webhook_id);
  // History first: a webhook whose delivery comes to be meanwhile has it by the second look.
  const former = await findFormer(db, ids, event.created_at);
  const expanding = await findExpanding(db, event.id, ids);
  const newest = await findNewest(db, tenant, event.id, ids);
  return asked.flatMap((webhook) => {
    const id = webhook.webhook_id;
    const delivery = newest.get(id);
    if (!delivery && expanding.has(id)) return [];
    const verdict = delivery
      ? verdictOfDelivery(webhook, delivery, holdH)
      : verdictOfHistory(event, webhook, former.get(id) ?? []);
    return verdict ? [{ ...webhook, verdict }] : [];
  });
}

// One that is on its way, delivered or dead did go there.
function verdictOfDelivery(
  { paused, health }: AskedWebhook,
  { id, status, reason, created_at, finished_at, held_since }: NewestDelivery,
  holdH: number,
): Verdict | undefined {
  const delivery_id = formatId("dlv", id);
  if (status === "cancelled")
    return {
      reason: CANCELLED.find((known) => known === reason) ?? "cancelled",
      since: finished_at?.toISOString() ?? null,
      delivery_id,
    };
  if (status !== "pending" || !(paused || health === "disabled")) return undefined;
  const since = held_since ?? created_at;
  return {
    reason: paused ? "paused" : "disabled",
    since: since.toISOString(),
    held_until: new Date(since.getTime() + holdH * HOUR).toISOString(),
    delivery_id,
  };
}

function verdictOfHistory(
  event: EventRow,
  webhook: AskedWebhook,
  former: readonly FormerFilter[],
): Verdict {
  const [last] = former;
  if (!last) {
    const isLater = webhook.began_at > event.created_at;
    return isLater
      ? { reason: "subscribed_later", since: webhook.began_at.toISOString() }
      : { reason: "unknown" };
  }
  const reasons = new Set(former.map((filter) => reasonOf(event, filter)));
  const [reason] = reasons;
  // By its time the publish may have been on either side; and where it should have gone there, it was on the other.
  if (reasons.size > 1 || !reason) return { reason: "changed_meanwhile" };
  return { reason, since: last.valid_from.toISOString() };
}

function present(event: EventRow, webhook: Judged): NotSent {
  const { reason, since = null, held_until = null, delivery_id = null } = webhook.verdict;
  const now = reasonOf(event, webhook) ?? "would_match";
  return {
    webhook_id: webhook.id,
    webhook_name: webhook.name,
    reason,
    since,
    held_until,
    delivery_id,
    now: delivery_id !== null || now === reason ? null : now,
  };
}

function position({ created_us, webhook_id }: AskedWebhook): string {
  return `${created_us} ${webhook_id}`;
}

function placeOf(position: string | null) {
  if (position === null) return null;
  const [created_us = 0, webhook_id = 0] = position.split(" ").map(Number);
  return { created_us, webhook_id };
}
