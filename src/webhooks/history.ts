// What became of a webhook, change by change: what, when, and by whom.
import { isDeepStrictEqual } from "node:util";

import { formatId } from "../kernel/ids.ts";
import { readPage } from "../kernel/lists.ts";
import { MASK } from "../kernel/mask.ts";
import { listChanges, type ChangeRow } from "../store/webhook-changes.ts";
import { findWebhook } from "../store/webhooks.ts";
import type { TenantStore } from "../store/tenant.ts";
import type { HistoryInput, WebhookChange } from "./schema.ts";
import { notFound } from "./operations.ts";

type Step = ChangeRow & { before: ChangeRow | undefined };

/** Pages through the changes of a webhook's settings and health, newest first. */
export async function history(store: TenantStore, input: HistoryInput) {
  const { id, cursor, page_size } = input;
  const webhook = await findWebhook(store.db, store.reach, id);
  if (!webhook) throw notFound(id);
  const read = async (after: string | null, limit: number, bytesMax: number) => {
    const before = after === null ? null : Number(after);
    // One more than asked for: a change is seen by what was before it.
    const rows = await listChanges(store.db, webhook.webhook_id, {
      before,
      limit: limit + 1,
      bytesMax,
    });
    return rows
      .map((row, index): Step & typeof row => ({ ...row, before: rows[index + 1] }))
      .filter((row, index) => index < limit && (row.before !== undefined || row.change === 1));
  };
  return readPage(
    store,
    { tenant: store.tenant, list: "history", filter: webhook.webhook_id },
    { cursor, page_size },
    ({ after, limit, bytesMax }) => read(after, limit, bytesMax),
    (step) => String(step.change),
    (step) => present(store, step),
  );
}

function present(store: TenantStore, step: Step): WebhookChange {
  const { before, made_by: keyId, made_by_name: name } = step;
  const was = before && fieldsOf(before);
  const changes = Object.entries(fieldsOf(step))
    .map(([field, to]) => ({ field, from: was?.[field] ?? null, to: to ?? null }))
    .filter(
      ({ field, from, to }) =>
        !isDeepStrictEqual(from, to) ||
        (field === "headers" && before && before.headers_set !== step.headers_set),
    );
  const isOfHealth = changes.every(({ field }) => field.startsWith("health"));
  return {
    at: step.valid_from.toISOString(),
    kind: !before ? "subscribed" : step.is_deleted ? "deleted" : isOfHealth ? "health" : "settings",
    by: name === null ? null : madeBy(store, keyId, name),
    changes,
  };
}

// A portal's session sees that it was itself, or somebody.
function madeBy({ reach, keyId: own }: TenantStore, keyId: string | null, name: string) {
  if (reach.isPortal && keyId !== own) return { key_id: null, name: MASK };
  return { key_id: keyId === null ? null : formatId("key", keyId), name };
}

// Settings that are columns; the others are kept as one, by their names on the wire.
const SHOWN = [
  ...["name", "status", "url", "headers", "events", "preset", "preset_settings", "channels"],
  ...["paused", "health", "health_reason"],
];

function fieldsOf(row: ChangeRow): Record<string, unknown> {
  const all: Record<string, unknown> = { ...row, ...row.settings };
  return { ...Object.fromEntries(SHOWN.map((name) => [name, all[name]])), ...row.settings };
}
