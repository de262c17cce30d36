// What can be done with replays: ask for one, follow it, end it.
import type { MonotonicClock } from "../kernel/clock.ts";
import { SECOND } from "../kernel/duration.ts";
import { invalid, PosthornError } from "../kernel/errors.ts";
import { afterCommit } from "../kernel/faults.ts";
import { formatId, lowestUuidAt, timeOfUuid } from "../kernel/ids.ts";
import { readPage } from "../kernel/lists.ts";
import type { Owner, Shares } from "../kernel/shares.ts";
import { stepReplay } from "../store/replay-feed.ts";
import {
  countReplay,
  findReplay,
  insertReplay,
  listReplays,
  readMoment,
  stopReplay,
  type Moment,
  type ReplayRow,
  type WantedReplay,
} from "../store/replays.ts";
import type { TenantStore } from "../store/tenant.ts";
import { findWebhook, lockWebhook, type WebhookRow } from "../store/webhooks.ts";
import { notFound as webhookNotFound, unsubscribed } from "../webhooks/operations.ts";
import type {
  ListReplaysInput,
  Replay,
  ReplayInput,
  ReplayStarted,
  RetryDeadInput,
} from "./schema.ts";

export type ReplaysContext = {
  store: TenantStore;
  owner: Owner;
  monotonic: MonotonicClock;
  /** Counts at once in a process: each keeps a connection busy, which other calls need too. */
  counts: Shares;
};

const COUNT_WITHIN_MS = 0.4 * SECOND; // and a page more: an answer takes half a second
const CANCEL_STEPS_MAX = 3; // what a settle has locked just now is left to the workers
const ALWAYS = lowestUuidAt(new Date(0));

/** Sends a span's events to one webhook again. */
export async function replay(context: ReplaysContext, input: ReplayInput): Promise<ReplayStarted> {
  const { store } = context;
  const webhook = await findSubscribed(store, input.id);
  const seesDelivered = store.reach.webhooks !== null; // and no event that has no delivery
  if (seesDelivered && (input.status === undefined || input.status === "never"))
    throw invalid(
      "status",
      "this session sends again what was delivered, dead or cancelled: give one of these",
    );
  const moment = await readMoment(store.db, webhook.webhook_id);
  if (input.since > moment.at)
    throw invalid("since", `a time in the past is needed; now is ${moment.at.toISOString()}`);
  const until = input.until && input.until <= moment.at ? lowestUuidAt(input.until) : moment.id;
  return start(
    context,
    webhook,
    {
      cause: "replay",
      wanted: input.status ?? null,
      since: lowestUuidAt(input.since),
      until,
    },
    moment,
    input.dry_run,
  );
}

/** Sends again whatever of a webhook is dead. */
export async function retryDead(
  context: ReplaysContext,
  input: RetryDeadInput,
): Promise<ReplayStarted> {
  const webhook = await findSubscribed(context.store, input.id);
  const moment = await readMoment(context.store.db, webhook.webhook_id);
  return start(
    context,
    webhook,
    { cause: "retry", wanted: "dead", since: ALWAYS, until: moment.id },
    moment,
    input.dry_run,
  );
}

export async function info({ store }: ReplaysContext, id: string): Promise<Replay> {
  const row = await findReplay(store.db, store.reach, id);
  if (row) return present(row);
  throw new PosthornError(
    "replay_not_found",
    `no replay has the id ${formatId("rpl", id)}; replays.list shows those there are`,
  );
}

/** Stops a replay and cancels what it has pending. One that has ended is answered as it is. */
export async function cancel(context: ReplaysContext, id: string): Promise<Replay> {
  const { store } = context;
  await info(context, id);
  await store.db.transaction().execute((trx) => stopReplay(trx, store.tenant, id));
  for (let step = 0; step < CANCEL_STEPS_MAX; step++)
    await afterCommit(stepReplay(store.pool, store.tenant, id));
  return afterCommit(info(context, id));
}

export async function list({ store }: ReplaysContext, input: ListReplaysInput) {
  const { webhook_id, ...page } = input;
  const webhook = webhook_id === undefined ? undefined : await find(store, webhook_id);
  return readPage(
    store,
    { tenant: store.tenant, list: "replays", filter: webhook?.webhook_id },
    page,
    ({ after, limit }) =>
      listReplays(store.db, store.reach, {
        webhookId: webhook?.webhook_id,
        before: after ?? undefined,
        limit,
      }),
    (row) => row.id,
    present,
  );
}

async function start(
  { store, owner, monotonic, counts }: ReplaysContext,
  webhook: WebhookRow,
  of: Omit<WantedReplay, "tenant" | "webhook_id" | "by_first">,
  moment: Moment,
  isDryRun: boolean,
): Promise<ReplayStarted> {
  const wanted = {
    ...of,
    tenant: store.tenant,
    webhook_id: webhook.webhook_id,
    by_first: webhook.delivery_order !== "none",
  };
  const count = await counts.take(owner, () => {
    const lateAt = monotonic() + COUNT_WITHIN_MS;
    return countReplay(store.pool, wanted, moment, () => monotonic() > lateAt);
  });
  const counted = { matched: count.matched, is_exact: count.countedTo === null };
  if (isDryRun) return { replay_id: null, ...counted };
  await store.db.transaction().execute(async (trx) => {
    // Locked, so that an unsubscribe comes either before, and this is refused, or after, and ends it.
    const current = await lockWebhook(trx, store.reach, webhook.id);
    if (current?.webhook_id !== webhook.webhook_id || current.status !== "Subscribed")
      throw unsubscribed(webhook.id);
    await insertReplay(trx, wanted, moment, count);
  });
  return { replay_id: formatId("rpl", moment.id), ...counted };
}

async function findSubscribed(store: TenantStore, id: string): Promise<WebhookRow> {
  const webhook = await find(store, id);
  if (webhook.status !== "Subscribed") throw unsubscribed(webhook.id);
  return webhook;
}

async function find(store: TenantStore, id: string): Promise<WebhookRow> {
  const webhook = await findWebhook(store.db, store.reach, id);
  if (!webhook) throw webhookNotFound(id);
  return webhook;
}

function present({ wanted, tenant: _, ...row }: ReplayRow): Replay {
  return {
    ...row,
    id: formatId("rpl", row.id),
    wanted_status: wanted,
    since: row.since === ALWAYS ? null : timeOfUuid(row.since).toISOString(),
    until: timeOfUuid(row.until).toISOString(),
    created_at: row.created_at.toISOString(),
    finished_at: row.finished_at?.toISOString() ?? null,
  };
}
