// A webhook's row as the API answers it.
import type { PresetName, PresetSettings } from "../presets/index.ts";
import type { KeyScope } from "../kernel/scopes.ts";
import type { TenantStore } from "../store/tenant.ts";
import { openHeaders } from "../store/webhook-secrets.ts";
import type { WebhookRow } from "../store/webhooks.ts";
import { MASK, type Webhook } from "./schema.ts";

/** Answers a webhook; a `read` key and a portal's session see its headers' names only. */
export function presentWebhook(
  store: TenantStore,
  scope: KeyScope,
  row: WebhookRow & { resting_until?: Date | null },
): Webhook {
  const headers = readableHeaders(store, row);
  return {
    id: row.id,
    name: row.name,
    status: row.status,
    url: row.url,
    headers: showsValues(store, scope) ? headers : maskHeaders(headers),
    events: row.events,
    preset: row.preset as PresetName,
    preset_settings: row.preset_settings as PresetSettings | null,
    channels: row.channels,
    has_signature_key: row.signature_key_sealed !== null,
    paused: row.paused,
    health: row.health,
    health_reason: row.health_reason,
    retry_schedule_s: row.retry_schedule_s,
    timeout_ms: row.timeout_ms,
    rate_limit_per_s: row.rate_limit_per_s,
    order: row.delivery_order,
    external_id: row.external_id,
    metadata: row.metadata,
    resting_until: row.resting_until?.toISOString() ?? null,
    created_at: row.created_at.toISOString(),
    updated_at: row.updated_at.toISOString(),
  };
}

function showsValues({ reach }: TenantStore, scope: KeyScope): boolean {
  return !reach.isPortal && (scope === "admin" || scope === "manage");
}

/** Headers for eyes that may not see their values. */
export function maskHeaders(headers: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.keys(headers).map((name) => [name, MASK]));
}

// Headers sealed with a key that is gone must not take the whole list with them: their attempts say `key`.
function readableHeaders(store: TenantStore, row: WebhookRow): Record<string, string> {
  try {
    return openHeaders(store.sealer, row);
  } catch {
    return {};
  }
}
