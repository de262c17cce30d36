// A webhook's sealed values, opened and closed: header values, the signature key and the one before it.
import type { SealedPlace, Sealer } from "../database/sealed.ts";
import type { WebhookRow } from "./webhooks.ts";

type Place = { tenant: string; id: string };

/** A webhook's own headers, values and all. */
export function openHeaders(
  sealer: Sealer,
  row: Place & Pick<WebhookRow, "headers_sealed">,
): Record<string, string> {
  if (!row.headers_sealed) return {};
  return JSON.parse(sealer.open(row.headers_sealed, place(row, "headers"))) as Record<
    string,
    string
  >;
}

/** The same, sealed to the webhook; null where there are none. */
export function sealHeaders(
  sealer: Sealer,
  where: Place,
  headers: Record<string, string>,
): Buffer | null {
  if (Object.keys(headers).length === 0) return null;
  return sealer.seal(JSON.stringify(headers), place(where, "headers"));
}

/** The webhook's signature key, or null where it has none. */
export function openKey(
  sealer: Sealer,
  row: Place & Pick<WebhookRow, "signature_key_sealed">,
): string | null {
  return (
    row.signature_key_sealed && sealer.open(row.signature_key_sealed, place(row, "signature_key"))
  );
}

/** The same, sealed to the webhook. */
export function sealKey(sealer: Sealer, where: Place, key: string): Buffer {
  return sealer.seal(key, place(where, "signature_key"));
}

/** The key that was rotated out and when it stops to sign, or null where there is none. */
export function openPreviousKey(
  sealer: Sealer,
  row: Place & Pick<WebhookRow, "previous_key_sealed" | "previous_key_expires_at">,
): { key: string; expiresAt: Date } | null {
  const { previous_key_sealed: sealed, previous_key_expires_at: expiresAt } = row;
  return sealed && expiresAt && { key: sealer.open(sealed, place(row, "previous_key")), expiresAt };
}

/** The same key, sealed to the webhook. */
export function sealPreviousKey(sealer: Sealer, where: Place, key: string): Buffer {
  return sealer.seal(key, place(where, "previous_key"));
}

function place(where: Place, field: SealedPlace["field"]): SealedPlace {
  return { tenant: where.tenant, row: where.id, field };
}
