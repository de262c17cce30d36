// What can be done with webhooks. Each change is one transaction; cancelling what is queued follows it.
import { PosthornError } from "../kernel/errors.ts";
import { isDatabaseAway } from "../kernel/faults.ts";
import { readPage } from "../kernel/lists.ts";
import type { KeyScope } from "../kernel/scopes.ts";
import { stopReplaysOf } from "../store/replays.ts";
import { unparkOf } from "../queue/hold.ts";
import { placeSome } from "../queue/places.ts";
import { listEvents } from "../store/events.ts";
import type { TenantStore } from "../store/tenant.ts";
import {
  awaitTurn,
  deleteWebhookRow,
  isTenantKnown,
  findWebhook,
  listWebhooks,
  lockWebhook,
  readCounters,
  type WebhookRow,
} from "../store/webhooks.ts";
import { checkEvents, checkInput, checkUrl, type UrlPolicy } from "./check.ts";
import { presentWebhook } from "./present.ts";
import { changeKey } from "./rotate.ts";
import { changeWebhook, createWebhook, settingsOf, type Saved } from "./save.ts";
import { keepChange, markSeen } from "../store/webhook-changes.ts";
import { changeState, countWaiting, withResting } from "../store/webhook-states.ts";
import type {
  Hastened,
  HastenInput,
  ListInput,
  RotateKeyInput,
  SavedWebhook,
  SubscribedWebhook,
  SubscribeInput,
  UpdatedWebhook,
  UpdateInput,
  Webhook,
  WebhookInfo,
} from "./schema.ts";
import { keyChange, patchedSettings, subscribedSettings, type Settings } from "./settings.ts";

/** What the operations need: the tenant's store, who asks, and the operator's rules. */
export type WebhooksContext = {
  store: TenantStore;
  scope: KeyScope;
  urlPolicy: UrlPolicy;
  webhooksMax: number;
};

/** Creates a webhook or, with an id that lives, replaces it whole; only its signature key stays. */
export async function subscribe(
  context: WebhooksContext,
  input: SubscribeInput,
): Promise<SubscribedWebhook> {
  const { store } = context;
  checkInput(input);
  const { settings, warnings } = await checked(context, subscribedSettings(input));
  const wanted = {
    id: input.id,
    settings,
    key: keyChange(input),
    webhooksMax: context.webhooksMax,
  };
  const saved = await store.db.transaction().execute(async (trx) => {
    await awaitTurn(trx, store.tenant);
    const change = async (id: string) => {
      const current = await lockWebhook(trx, store.tenant, id);
      return current && changeWebhook(store, trx, current, { ...wanted, endsDisablement: true });
    };
    // Where others subscribe and delete the same id meanwhile, what was not there is, and is not again: look until it is either.
    for (;;) {
      const replaced = input.id === undefined ? undefined : await change(input.id);
      if (replaced) return { ...replaced, created: false };
      const made = await createWebhook(store, trx, wanted);
      if (made) return { ...made, created: true };
    }
  });
  await moveRows(store, saved.row.webhook_id);
  return { ...(await present(context, saved)), created: saved.created, warnings };
}

/** Changes what the request names; the next attempt uses it. */
export async function update(
  context: WebhooksContext,
  input: UpdateInput,
): Promise<UpdatedWebhook> {
  checkInput(input);
  // Before the transaction: within it, this would wait for a second connection while it holds one.
  const warnings = input.events ? await checkEvents(context.store, { events: input.events }) : [];
  const patch = (current: WebhookRow): Settings => {
    const before = settingsOf(current);
    const after = patchedSettings(before, input);
    // What stays is not judged again: a rule that has changed since must not stop a pause.
    if (after.url !== before.url || after.preset !== before.preset)
      after.url = checkUrl(after.url, after.preset, context.urlPolicy);
    return after;
  };
  return { ...(await present(context, await change(context, input.id, patch, input))), warnings };
}

/** Ends a subscription: its pending deliveries are cancelled. Saying it twice is saying it once. */
export async function unsubscribe(context: WebhooksContext, id: string): Promise<Webhook> {
  return present(
    context,
    await change(
      context,
      id,
      (current) => ({
        ...settingsOf(current),
        status: "Unsubscribed",
      }),
      {},
    ),
  );
}

/** Gives a webhook a new key; the old one signs beside it for a while where the preset can carry two. */
export async function rotateKey(
  context: WebhooksContext,
  input: RotateKeyInput,
): Promise<SavedWebhook> {
  const { store } = context;
  const saved = await store.db.transaction().execute(async (trx) => {
    const current = await lockWebhook(trx, store.tenant, input.id);
    if (!current) throw notFound(input.id);
    return changeKey(store, trx, current, input);
  });
  return present(context, saved);
}

/** Deletes a webhook: its id is unknown at once, its history stays readable by delivery and event. */
export async function remove(context: WebhooksContext, id: string): Promise<Record<string, never>> {
  const { store } = context;
  const row = await store.db.transaction().execute(async (trx) => {
    const current = await lockWebhook(trx, store.tenant, id);
    if (!current) throw notFound(id);
    await deleteWebhookRow(trx, current.webhook_id);
    await keepChange(trx, store, current.webhook_id);
    await stopReplaysOf(trx, current.webhook_id);
    await changeState(trx, current, { cancels: true });
    return current;
  });
  await moveRows(store, row.webhook_id);
  return {};
}

export function list(context: WebhooksContext, input: ListInput) {
  const { store, scope } = context;
  const { cursor, page_size, ...filter } = input;
  return readPage(
    store,
    { tenant: store.tenant, list: "webhooks", filter },
    { cursor, page_size },
    async ({ after, limit, bytesMax }) =>
      withResting(
        store.db,
        await listWebhooks(store.db, store.tenant, {
          ...filter,
          after: after === null ? null : positionOf(after),
          limit,
          bytesMax,
        }),
      ),
    (row) => `${row.created_us} ${row.webhook_id}`,
    (row) => presentWebhook(store, scope, row),
  );
}

function positionOf(cursor: string) {
  const [created_us = 0, webhook_id = 0] = cursor.split(" ").map(Number);
  return { created_us, webhook_id };
}

/**
 * Makes all due now that waits for a retry or for the end of a Retry-After, one at first and more as they succeed. On a
 * webhook that is held it is due as soon as that ends.
 */
export async function hasten(
  { store }: WebhooksContext,
  { id, dry_run: isDryRun = false }: HastenInput,
): Promise<Hastened> {
  const hastened = await store.db.transaction().execute(async (trx) => {
    const row = await lockWebhook(trx, store.tenant, id);
    if (!row) throw notFound(id);
    if (row.status !== "Subscribed") throw unsubscribed(id);
    const matched = await countWaiting(trx, row.webhook_id);
    if (!isDryRun) await changeState(trx, row, { unproves: true, hastens: true });
    return { matched, webhookId: row.webhook_id };
  });
  if (!isDryRun) await moveRows(store, hastened.webhookId);
  return { matched: hastened.matched };
}

/** The webhook with what has become of its deliveries. */
export async function info(context: WebhooksContext, id: string): Promise<WebhookInfo> {
  const { store, scope } = context;
  const row = await findWebhook(store.db, store.tenant, id);
  if (!row) throw notFound(id);
  const counters = await readCounters(store.db, row.webhook_id);
  const [shown = row] = await withResting(store.db, [row]);
  return {
    ...presentWebhook(store, scope, shown),
    counters: {
      ...counters,
      last_success_at: counters.last_success_at?.toISOString() ?? null,
      last_failure_at: counters.last_failure_at?.toISOString() ?? null,
    },
  };
}

/** The 404 of a webhook; another tenant's answers the same. */
export function notFound(id: string): PosthornError {
  return new PosthornError(
    "webhook_not_found",
    `no webhook has the id ${id}; webhooks.list shows those there are`,
  );
}

/** The 409 of what would have to be sent to a webhook that nothing is sent to. */
export function unsubscribed(id: string): PosthornError {
  return new PosthornError(
    "webhook_unsubscribed",
    `webhook ${id} is unsubscribed or deleted: nothing is sent to it; subscribe it again first`,
  );
}

async function change(
  { store }: WebhooksContext,
  id: string,
  settings: (current: WebhookRow) => Settings,
  input: Parameters<typeof keyChange>[0] & Pick<UpdateInput, "status" | "external_id">,
): Promise<Saved> {
  const saved = await store.db.transaction().execute(async (trx) => {
    if (input.external_id) await awaitTurn(trx, store.tenant);
    const current = await lockWebhook(trx, store.tenant, id);
    if (!current) throw notFound(id);
    const saved = await changeWebhook(store, trx, current, {
      settings: settings(current),
      key: keyChange(input),
      endsDisablement: input.status === "Subscribed",
    });
    if (saved.row.status !== "Subscribed") await stopReplaysOf(trx, saved.row.webhook_id);
    return saved;
  });
  await moveRows(store, saved.row.webhook_id);
  return saved;
}

// The first thousand rows follow a change at once, in a process without a loop too. The loop sees to the rest, and to all where
// the database is away now: the change itself is stored.
async function moveRows({ pool }: TenantStore, webhookId: number): Promise<void> {
  try {
    await markSeen(pool, webhookId);
    await placeSome(pool, webhookId);
    await unparkOf(pool, webhookId);
  } catch (error) {
    if (!isDatabaseAway(error)) throw error;
  }
}

async function checked(
  { store, urlPolicy }: WebhooksContext,
  settings: Settings,
): Promise<{ settings: Settings; warnings: string[] }> {
  const url = checkUrl(settings.url, settings.preset, urlPolicy);
  const warnings = await checkEvents(store, settings);
  const isKnown =
    (await isTenantKnown(store.db, store.tenant)) ||
    (await listEvents(store.db, store.tenant, { limit: 1 })).length > 0;
  if (!isKnown)
    warnings.push(
      `tenant: ${JSON.stringify(store.tenant)} was never named before; where X-Tenant is mistyped, nothing will reach this webhook`,
    );
  return { settings: { ...settings, url }, warnings };
}

async function present({ store, scope }: WebhooksContext, saved: Saved): Promise<SavedWebhook> {
  const [row = saved.row] = await withResting(store.db, [saved.row]);
  const shown = presentWebhook(store, scope, row);
  return saved.generatedKey === undefined ? shown : { ...shown, signature_key: saved.generatedKey };
}
