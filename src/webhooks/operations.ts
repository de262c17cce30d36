// What can be done with webhooks. Each change is one transaction; cancelling what is queued follows it.
import type { Transaction } from "kysely";

import { PosthornError } from "../kernel/errors.ts";
import { isDatabaseAway } from "../kernel/faults.ts";
import type { KeyScope } from "../kernel/scopes.ts";
import type { Owner } from "../kernel/shares.ts";
import type { Schema } from "../database/schema.ts";
import { answerOnce, type Made } from "../store/answer-once.ts";
import { stopReplaysOf } from "../store/replays.ts";
import { unparkOf } from "../queue/hold.ts";
import { requeueSome } from "../queue/requeue.ts";
import { listEvents } from "../store/events.ts";
import type { TenantStore } from "../store/tenant.ts";
import { isTenantKnown } from "../store/tenants.ts";
import { awaitTurn, deleteWebhookRow, lockWebhook, type WebhookRow } from "../store/webhooks.ts";
import { checkEvents, checkInput, checkUrl, refuseWiderChannels, type UrlPolicy } from "./check.ts";
import { checkPreset } from "./check-preset.ts";
import { presentWebhook } from "./present.ts";
import { changeKey } from "./rotate.ts";
import { changeWebhook, createWebhook, settingsOf, type Saved } from "./save.ts";
import { keepChange, markSeen } from "../store/webhook-changes.ts";
import { changeState, countPending, countWaiting, withResting } from "../store/webhook-states.ts";
import type {
  Counted,
  CountedInput,
  RotateKeyInput,
  SavedWebhook,
  SubscribedWebhook,
  SubscribeInput,
  UpdatedWebhook,
  UpdateInput,
  Webhook,
} from "./schema.ts";
import { keyChange, patchedSettings, subscribedSettings, type Settings } from "./settings.ts";

/** What the operations need: the tenant's store, who asks, and the operator's rules. */
export type WebhooksContext = {
  store: TenantStore;
  owner: Owner;
  scope: KeyScope;
  urlPolicy: UrlPolicy;
  webhooksMax: number;
};

/** Creates a webhook or, with an id that lives, replaces it whole; only its signature key stays. */
export function subscribe(
  context: WebhooksContext,
  input: SubscribeInput,
): Promise<SubscribedWebhook> {
  const { store } = context;
  const asked = { ...context, operation: "webhooks.subscribe", input };
  return answerOnce<SubscribedWebhook>(asked, async (transact) => {
    checkInput(input);
    const { settings, warnings } = await checked(context, subscribedSettings(input));
    const { answer, shows } = await transact(async (trx) => {
      await awaitTurn(trx, store.tenant);
      const { created, ...saved } = await createOrReplace(context, trx, input, settings);
      return shown(saved, { ...(await present(context, trx, saved)), created, warnings });
    });
    await moveRows(store, shows);
    return answer;
  });
}

/** Changes what the request names; the next attempt uses it. */
export function update(context: WebhooksContext, input: UpdateInput): Promise<UpdatedWebhook> {
  const { store } = context;
  const asked = { ...context, operation: "webhooks.update", input };
  return answerOnce<UpdatedWebhook>(asked, async (transact) => {
    checkInput(input);
    // Before the transaction: within it, this would wait for a second connection while it holds one.
    const warnings = input.events ? await checkEvents(store, { events: input.events }) : [];
    const patch = (current: WebhookRow): Settings => {
      const before = settingsOf(current);
      const after = patchedSettings(before, input);
      refuseWiderChannels(store.reach, before, after);
      // What stays is not judged again: a rule that has changed since must not stop a pause.
      if (input.preset || input.preset_settings !== undefined) checkPreset(after);
      if (after.url !== before.url || after.preset !== before.preset)
        after.url = checkUrl(after.url, after, context.urlPolicy);
      return after;
    };
    const { answer, shows } = await transact(async (trx) => {
      if (input.external_id) await awaitTurn(trx, store.tenant);
      const saved = await change(context, trx, input, patch);
      return shown(saved, { ...(await present(context, trx, saved)), warnings });
    });
    await moveRows(store, shows);
    return answer;
  });
}

/** Ends a subscription: its pending deliveries are cancelled. Saying it twice is saying it once. */
export async function unsubscribe(context: WebhooksContext, id: string): Promise<Webhook> {
  const { store } = context;
  const { answer, shows } = await store.db.transaction().execute(async (trx) => {
    const saved = await change(context, trx, { id }, (current) => ({
      ...settingsOf(current),
      status: "Unsubscribed",
    }));
    return shown(saved, await present(context, trx, saved));
  });
  await moveRows(store, shows);
  return answer;
}

/** Gives a webhook a new key; the old one signs beside it for a while where the preset can carry two. */
export function rotateKey(context: WebhooksContext, input: RotateKeyInput): Promise<SavedWebhook> {
  const { store } = context;
  const asked = { ...context, operation: "webhooks.rotate_key", input };
  return answerOnce<SavedWebhook>(asked, async (transact) => {
    const { answer } = await transact(async (trx) => {
      const current = await lockWebhook(trx, store.reach, input.id);
      if (!current) throw notFound(input.id);
      const saved = await changeKey(store, trx, current, input);
      return shown(saved, await present(context, trx, saved));
    });
    return answer;
  });
}

/** Deletes a webhook: its id is unknown at once, its history stays readable by delivery and event. */
export async function remove(context: WebhooksContext, id: string): Promise<Record<string, never>> {
  const { store } = context;
  const row = await store.db.transaction().execute(async (trx) => {
    const current = await lockWebhook(trx, store.reach, id);
    if (!current) throw notFound(id);
    await deleteWebhookRow(trx, current.webhook_id);
    await keepChange(trx, store, current.webhook_id);
    await stopReplaysOf(trx, current.webhook_id);
    await changeState(trx, current, { cancels: "deleted" });
    return current;
  });
  await moveRows(store, row.webhook_id);
  return {};
}

/**
 * Makes all due now that waits for a retry or for the end of a Retry-After, one at first and more as they succeed. On a
 * webhook that is held it is due as soon as that ends.
 */
export async function hasten(
  { store }: WebhooksContext,
  { id, dry_run: isDryRun = false }: CountedInput,
): Promise<Counted> {
  const hastened = await store.db.transaction().execute(async (trx) => {
    const row = await lockWebhook(trx, store.reach, id);
    if (!row) throw notFound(id);
    if (row.status !== "Subscribed") throw unsubscribed(id);
    const matched = await countWaiting(trx, row.webhook_id);
    if (!isDryRun) await changeState(trx, row, { unproves: true, hastens: true });
    return { matched, webhookId: row.webhook_id };
  });
  if (!isDryRun) await moveRows(store, hastened.webhookId);
  return { matched: hastened.matched };
}

/**
 * Cancels all that is pending now, in flight or held too. What is made later, by a publish, a retry or a replay that goes on, is
 * delivered.
 */
export async function cancelPending(
  { store }: WebhooksContext,
  { id, dry_run: isDryRun = false }: CountedInput,
): Promise<Counted> {
  const cancelled = await store.db.transaction().execute(async (trx) => {
    const row = await lockWebhook(trx, store.reach, id);
    if (!row) throw notFound(id);
    const matched = await countPending(trx, row.webhook_id);
    if (!isDryRun) await changeState(trx, row, { cancels: "cancelled" });
    return { matched, webhookId: row.webhook_id };
  });
  if (!isDryRun) await moveRows(store, cancelled.webhookId);
  return { matched: cancelled.matched };
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

async function createOrReplace(
  { store, webhooksMax }: WebhooksContext,
  trx: Transaction<Schema>,
  input: SubscribeInput,
  settings: Settings,
): Promise<Saved & { created: boolean }> {
  const wanted = { id: input.id, settings, key: keyChange(input), webhooksMax };
  // Where others subscribe and delete the same id meanwhile, what was not there is, and is not again: look until it is either.
  for (;;) {
    const current = input.id && (await lockWebhook(trx, store.reach, input.id));
    if (current) {
      const replaced = { ...wanted, endsDisablement: true };
      return { ...(await changeWebhook(store, trx, current, replaced)), created: false };
    }
    const made = await createWebhook(store, trx, wanted);
    if (made) return { ...made, created: true };
  }
}

async function change(
  { store }: WebhooksContext,
  trx: Transaction<Schema>,
  input: { id: string } & Parameters<typeof keyChange>[0] & Pick<UpdateInput, "status">,
  settings: (current: WebhookRow) => Settings,
): Promise<Saved> {
  const current = await lockWebhook(trx, store.reach, input.id);
  if (!current) throw notFound(input.id);
  const saved = await changeWebhook(store, trx, current, {
    settings: settings(current),
    key: keyChange(input),
    endsDisablement: input.status === "Subscribed",
  });
  if (saved.row.status !== "Subscribed") await stopReplaysOf(trx, saved.row.webhook_id);
  return saved;
}

// The first thousand rows follow a change at once, in a process without a loop too. The loop sees to the rest, and to all where
// the database is away now: the change itself is stored.
export async function moveRows({ pool }: TenantStore, webhookId: number): Promise<void> {
  try {
    await markSeen(pool, webhookId);
    await requeueSome(pool, webhookId);
    await unparkOf(pool, webhookId);
  } catch (error) {
    if (!isDatabaseAway(error)) throw error;
  }
}

async function checked(
  { store, urlPolicy }: WebhooksContext,
  settings: Settings,
): Promise<{ settings: Settings; warnings: string[] }> {
  checkPreset(settings);
  const url = checkUrl(settings.url, settings, urlPolicy);
  const warnings = await checkEvents(store, settings);
  warnings.push(...(await warnOfTenant(store)));
  return { settings: { ...settings, url }, warnings };
}

/** Says so where nobody has named the tenant before. */
export async function warnOfTenant({ db, tenant, reach }: TenantStore): Promise<string[]> {
  const isKnown =
    (await isTenantKnown(db, tenant)) || (await listEvents(db, reach, { limit: 1 })).length > 0;
  return isKnown
    ? []
    : [
        `tenant: ${JSON.stringify(tenant)} was never named before; where X-Tenant is mistyped, nothing will reach this webhook`,
      ];
}

async function present(
  { store, scope }: WebhooksContext,
  trx: Transaction<Schema>,
  saved: Saved,
): Promise<SavedWebhook> {
  const [row = saved.row] = await withResting(trx, [saved.row]);
  const webhook = presentWebhook(store, scope, row);
  return saved.generatedKey === undefined
    ? webhook
    : { ...webhook, signature_key: saved.generatedKey };
}

function shown<T>({ row }: Saved, answer: T): Made<T, number> {
  return { answer, shows: row.webhook_id };
}
