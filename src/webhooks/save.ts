// Writes a webhook's settings: the row, its version for the audit, and its routes, in the caller's transaction.
import { randomBytes, randomUUID } from "node:crypto";
import { isDeepStrictEqual } from "node:util";

import type { Transaction } from "kysely";

import { invalid, PosthornError } from "../kernel/errors.ts";
import { presetOf, type PresetName, type PresetSettings } from "../presets/index.ts";
import { databaseTime } from "../database/database-time.ts";
import type { Schema } from "../database/schema.ts";
import type { TenantStore } from "../store/tenant.ts";
import { keepChanges } from "../store/webhook-changes.ts";
import { insertFirstVersions } from "../store/webhook-versions.ts";
import { changeState } from "../store/webhook-states.ts";
import { insertRoutes, replaceRoutes } from "../store/routes.ts";
import { openHeaders, openKey, sealHeaders, sealKey } from "../store/webhook-secrets.ts";
import {
  countWebhooks,
  insertWebhooks,
  updateWebhook,
  type NewWebhookRow,
  type WebhookChanges,
  type WebhookRow,
} from "../store/webhooks.ts";
import { checkKey } from "./check.ts";
import { refuseTaken } from "./labels.ts";
import { refuseSameHeader } from "./check-preset.ts";
import { maskHeaders } from "./present.ts";
import type { KeyChange, Settings } from "./settings.ts";
import { keepVersion } from "./versions.ts";

/** A webhook as saved, and the key where one was generated for it now. */
export type Saved = { row: WebhookRow; generatedKey: string | undefined };

/** What a webhook is to be that is made now. */
export type NewWebhook = { id: string | undefined; settings: Settings; key: KeyChange };

/** Makes a webhook; undefined where one with this id lives already. */
export async function createWebhook(
  store: TenantStore,
  trx: Transaction<Schema>,
  { webhooksMax, ...wanted }: NewWebhook & { webhooksMax: number },
): Promise<Saved | undefined> {
  await refuseTooMany(store, trx, { more: 1, webhooksMax });
  const { id, settings } = wanted;
  await refuseTaken(trx, store, { id, externalId: settings.external_id });
  const [made] = await createWebhooks(store, trx, [newWebhook(store, wanted)]);
  return made;
}

/** Throws the 409 where the tenant would have more webhooks than it may. */
export async function refuseTooMany(
  { tenant }: TenantStore,
  trx: Transaction<Schema>,
  { more, webhooksMax }: { more: number; webhooksMax: number },
): Promise<void> {
  if (more === 0 || (await countWebhooks(trx, tenant, webhooksMax)) + more <= webhooksMax) return;
  throw new PosthornError(
    "too_many_webhooks",
    `this tenant may have ${webhooksMax} webhooks, and would have more; delete some, or raise POSTHORN_WEBHOOKS_MAX`,
  );
}

/** The row that is to be inserted. Throws the 400 for a key that the preset can't sign with. */
export function newWebhook(store: TenantStore, { id: given, settings, key: change }: NewWebhook) {
  const id = given ?? randomUUID();
  const where = { tenant: store.tenant, id };
  if (settings.headers !== "kept") refuseSameHeader(settings, settings.headers);
  const key = resolveKey(null, change, settings);
  const row: NewWebhookRow = {
    ...where,
    ...columns(store, where, settings),
    signature_key_sealed: key.value === null ? null : sealKey(store.sealer, where, key.value),
    signature_key_version: key.value ? 1 : 0,
    previous_key_sealed: null,
    previous_key_expires_at: null,
  };
  return { row, settings, generatedKey: key.generated };
}

/** Makes webhooks, with all that goes with each. One whose id lives already is left as it is, and not answered. */
export async function createWebhooks(
  store: TenantStore,
  trx: Transaction<Schema>,
  wanted: readonly ReturnType<typeof newWebhook>[],
): Promise<Saved[]> {
  const rows = await insertWebhooks(
    trx,
    wanted.map(({ row }) => row),
  );
  const byId = new Map(rows.map((row) => [row.id, row]));
  const made = wanted.flatMap(({ row: { id }, ...rest }) => {
    const row = byId.get(id);
    return row ? [{ row, ...rest }] : [];
  });
  await insertFirstVersions(
    trx,
    made.map(({ row, settings: { headers } }) => ({
      row,
      headersMasked: headers === "kept" ? {} : maskHeaders(headers),
    })),
  );
  await keepChanges(
    trx,
    store,
    made.map(({ row }) => row.webhook_id),
    false,
  );
  const routed = made.filter(({ settings }) => settings.status === "Subscribed");
  await insertRoutes(
    trx,
    routed.map(({ row: { webhook_id, tenant }, settings: { events, channels } }) => ({
      webhook_id,
      tenant,
      events,
      channels,
    })),
  );
  return made.map(({ row, generatedKey }) => ({ row, generatedKey }));
}

/**
 * Changes a webhook that the transaction has locked. What is kept stays sealed as it is, so that one whose secrets can't
 * be decrypted any more can still be paused, ended or given new ones. `endsDisablement` lets a disabled one try again. What
 * changes nothing writes nothing, so a request may be repeated.
 */
export async function changeWebhook(
  store: TenantStore,
  trx: Transaction<Schema>,
  current: WebhookRow,
  wanted: { settings: Settings; key: KeyChange; endsDisablement?: boolean },
): Promise<Saved> {
  const settings = withKeptHeaders(store, current, wanted.settings);
  refuseSameHeader(settings, ownHeaders(store, current, settings));
  const keepsKey = wanted.key.kind === "keep" && current.preset === settings.preset;
  const before = storedKey(store, current);
  if (!keepsKey && wanted.key.kind === "keep" && before === undefined)
    throw invalid(
      "signature_key",
      "the stored one can't be decrypted with POSTHORN_SECRETS_KEY, so it can't be judged for this preset; give a new one",
    );
  const key = keepsKey ? null : resolveKey(before ?? null, wanted.key, settings);
  const setsKey = key !== null && key.value !== before;
  const released = release(current, settings, wanted.endsDisablement ?? false);
  const isRelease = released.released_at !== undefined;
  if (!setsKey && !isRelease && isDeepStrictEqual(settings, settingsOf(current)))
    return { row: current, generatedKey: undefined };
  if (settings.external_id !== current.external_id)
    await refuseTaken(trx, store, { id: current.id, externalId: settings.external_id });
  const hasMoved = current.url !== settings.url;
  const row = await updateWebhook(trx, current.webhook_id, {
    ...columns(store, current, settings),
    ...released,
    // What an old URL failed at says nothing of the new one.
    ...(hasMoved && { released_at: databaseTime() }),
    ...(setsKey && {
      signature_key_sealed: key.value === null ? null : sealKey(store.sealer, current, key.value),
      signature_key_version: current.signature_key_version + (key.value === null ? 0 : 1),
      previous_key_sealed: null,
      previous_key_expires_at: null,
    }),
  });
  await writeAround(store, trx, { before: current, after: row }, settings);
  await changeState(trx, row, {
    unproves: hasMoved || isRelease,
    hastens: hasMoved,
    // What was asked of an old key or other headers does not bind the new ones.
    forgetsRest: setsKey || settings.headers !== "kept" || !isSamePreset(settings, current),
    forgetsPace: current.rate_limit_per_s !== settings.rate_limit_per_s,
    reorders: current.delivery_order !== settings.order,
    cancels:
      current.status === "Subscribed" && settings.status !== "Subscribed"
        ? "unsubscribed"
        : undefined,
  });
  return { row, generatedKey: key?.generated };
}

/** The settings that a row holds. */
export function settingsOf(row: WebhookRow): Settings {
  return {
    name: row.name,
    status: row.status,
    paused: row.paused,
    url: row.url,
    preset: row.preset as PresetName,
    preset_settings: row.preset_settings as PresetSettings | null,
    events: row.events,
    channels: row.channels,
    headers: "kept",
    retry_schedule_s: row.retry_schedule_s,
    timeout_ms: row.timeout_ms,
    rate_limit_per_s: row.rate_limit_per_s,
    order: row.delivery_order,
    external_id: row.external_id,
    metadata: row.metadata,
  };
}

// The end of a hold is noted, since time counts anew from then on.
function release(
  current: WebhookRow,
  settings: Settings,
  endsDisablement: boolean,
): WebhookChanges {
  const endsNow = current.health === "disabled" && endsDisablement;
  const unpauses = current.paused && !settings.paused;
  return {
    ...(endsNow && { health: "failing", health_reason: "released" }),
    ...((endsNow || unpauses) && { released_at: databaseTime(), dropping_announced_at: null }),
  };
}

/** The key that a row holds, null where it has none, undefined where it can't be decrypted any more. */
export function storedKey(store: TenantStore, row: WebhookRow): string | null | undefined {
  try {
    return openKey(store.sealer, row);
  } catch {
    return undefined;
  }
}

// Headers that are given as they are stored are kept.
function withKeptHeaders(store: TenantStore, row: WebhookRow, settings: Settings): Settings {
  if (settings.headers === "kept") return settings;
  const given = JSON.stringify(settings.headers); // in the order in which they go out
  try {
    const isSame = given === JSON.stringify(openHeaders(store.sealer, row));
    return isSame ? { ...settings, headers: "kept" } : settings;
  } catch {
    return settings; // those can't be decrypted any more, and these can
  }
}

// Those that can't be decrypted any more fail each attempt, and are judged once they are given anew.
function ownHeaders(store: TenantStore, row: WebhookRow, { headers }: Settings) {
  if (headers !== "kept") return headers;
  try {
    return openHeaders(store.sealer, row);
  } catch {
    return {};
  }
}

function isSamePreset(settings: Settings, row: WebhookRow): boolean {
  const { preset, preset_settings } = settingsOf(row);
  return settings.preset === preset && isDeepStrictEqual(settings.preset_settings, preset_settings);
}

function columns(store: TenantStore, where: { tenant: string; id: string }, settings: Settings) {
  const { order, headers, metadata, preset_settings: presetSettings, ...same } = settings;
  return {
    ...same,
    delivery_order: order,
    metadata: JSON.stringify(metadata),
    preset_settings: presetSettings && JSON.stringify(presetSettings),
    ...(headers !== "kept" && { headers_sealed: sealHeaders(store.sealer, where, headers) }),
  };
}

async function writeAround(
  store: TenantStore,
  trx: Transaction<Schema>,
  change: { before: WebhookRow; after: WebhookRow },
  settings: Settings,
): Promise<void> {
  await keepVersion(
    store,
    trx,
    change,
    settings.headers === "kept" ? "kept" : maskHeaders(settings.headers),
  );
  await replaceRoutes(trx, change.after, settings.status === "Subscribed" ? settings : null);
}

// A preset that needs a key gets one made where there is none; taking it away is refused.
function resolveKey(
  current: string | null,
  change: KeyChange,
  settings: Settings,
): { value: string | null; generated?: string } {
  const preset = presetOf(settings);
  if (change.kind === "remove" && preset.generatesKey)
    throw invalid(
      "signature_key",
      `can't be cleared: preset ${preset.name} needs one; leave it out to keep it`,
    );
  const kept = change.kind === "keep" ? current : null;
  if (
    change.kind === "generate" ||
    (preset.generatesKey && change.kind === "keep" && kept === null)
  ) {
    const generated = preset.generateKey(randomBytes);
    return { value: generated, generated };
  }
  const value = change.kind === "set" ? change.key : kept;
  if (value !== null) checkKey(value, settings);
  return { value };
}
