// A new signature key, and for how long the old one signs beside it.
import { randomBytes } from "node:crypto";

import type { Transaction } from "kysely";

import { DAY, SECOND } from "../kernel/duration.ts";
import { invalid } from "../kernel/errors.ts";
import { presetOf } from "../presets/index.ts";
import { databaseTime } from "../database/database-time.ts";
import type { Schema } from "../database/schema.ts";
import type { TenantStore } from "../store/tenant.ts";
import { changeState } from "../store/webhook-states.ts";
import { sealKey, sealPreviousKey } from "../store/webhook-secrets.ts";
import { updateWebhook, type WebhookChanges, type WebhookRow } from "../store/webhooks.ts";
import { checkKey } from "./check.ts";
import { settingsOf, storedKey, type Saved } from "./save.ts";
import type { RotateKeyInput } from "./schema.ts";
import { keepVersion } from "./versions.ts";

const OVERLAP_S = DAY / SECOND; // time enough to bring a new key to receivers that are deployed once a day

/**
 * Changes the key of a webhook that the transaction has locked. A key rotated out before stops to sign now, so there are
 * never more than two. The key that is there already changes nothing, so a request may be repeated.
 */
export async function changeKey(
  store: TenantStore,
  trx: Transaction<Schema>,
  current: WebhookRow,
  input: Omit<RotateKeyInput, "id">,
): Promise<Saved> {
  const settings = settingsOf(current);
  const preset = presetOf(settings);
  if (input.overlap_s && !preset.keyOverlap)
    throw invalid(
      "overlap_s",
      `preset ${preset.name} carries one signature, so no two keys can sign side by side; let the receiver take both keys first, then rotate without overlap_s`,
    );
  const key = input.signature_key ?? preset.generateKey(randomBytes);
  checkKey(key, settings);
  const old = storedKey(store, current);
  const endsOverlap = input.overlap_s === 0 && current.previous_key_sealed !== null;
  if (key === old && !endsOverlap) return { row: current, generatedKey: undefined };
  const overlapS = input.overlap_s ?? (preset.keyOverlap ? OVERLAP_S : 0);
  const row = await updateWebhook(trx, current.webhook_id, {
    ...(key !== old && {
      signature_key_sealed: sealKey(store.sealer, current, key),
      signature_key_version: current.signature_key_version + 1,
    }),
    ...previousKey(store, current, old ?? null, overlapS),
  });
  await keepVersion(store, trx, { before: current, after: row }, "kept");
  await changeState(trx, row, { forgetsRest: key !== old });
  return { row, generatedKey: input.signature_key === undefined ? key : undefined };
}

function previousKey(
  store: TenantStore,
  row: WebhookRow,
  old: string | null,
  overlapS: number,
): WebhookChanges {
  if (old === null || overlapS === 0)
    return { previous_key_sealed: null, previous_key_expires_at: null };
  return {
    previous_key_sealed: sealPreviousKey(store.sealer, row, old),
    previous_key_expires_at: databaseTime(overlapS),
  };
}
