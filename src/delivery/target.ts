// A webhook as the loop sends to it: its settings with the secrets opened.
import type { Log } from "../kernel/log.ts";
import { findPreset, PRESETS, type Preset } from "../presets/index.ts";
import { MissingKeyError, type Sealer } from "../database/sealed.ts";
import { openHeaders, openKey, openPreviousKey } from "../store/webhook-secrets.ts";
import type { WebhookToSend } from "../store/webhooks-to-send.ts";

export type Target = {
  /** The number that it has in the database, and the id by which its tenant knows it. */
  webhookId: number;
  id: string;
  version: string;
  url: string;
  /** Undefined where this program, older than the one that stored it, does not know it. */
  preset: Preset | undefined;
  /** For what a host takes in all; the URL itself where it can't be read, which egress refuses then. */
  host: string;
  scheduleS: readonly number[];
  timeoutMs: number;
  /** Undefined where the stored ones can't be decrypted: that fails this webhook's attempts, and no other's. */
  secrets: Secrets | undefined;
  /** Whether they can't be decrypted here alone: another worker may have the key that they are sealed with. */
  lacksKey: boolean;
};

export type Secrets = {
  headers: Record<string, string>;
  key: string | null;
  keyVersion: number | null;
  /** The key before it, which signs beside it until then. */
  previousKey: { key: string; expiresAt: Date } | null;
};

/** A webhook's row as what is sent to; that its secrets can't be opened is logged. */
export function openTarget(row: WebhookToSend, sealer: Sealer, log: Log): Target {
  const preset = findPreset(row);
  const { retryScheduleS, timeoutMs } = preset ?? PRESETS.airy;
  if (!preset)
    log.error({ webhook_id: row.id, preset: row.preset }, "a webhook's preset is unknown");
  return {
    webhookId: row.webhook_id,
    id: row.id,
    version: row.version,
    url: row.url,
    preset,
    host: URL.canParse(row.url) ? new URL(row.url).host : row.url,
    scheduleS: row.retry_schedule_s ?? retryScheduleS,
    timeoutMs: row.timeout_ms ?? timeoutMs,
    ...openSecrets(row, sealer, log),
  };
}

function openSecrets(
  row: WebhookToSend,
  sealer: Sealer,
  log: Log,
): Pick<Target, "secrets" | "lacksKey"> {
  try {
    const key = openKey(sealer, row);
    const secrets = {
      headers: openHeaders(sealer, row),
      key,
      keyVersion: key === null ? null : row.signature_key_version,
      previousKey: openPreviousKey(sealer, row),
    };
    return { secrets, lacksKey: false };
  } catch (err) {
    const lacksKey = err instanceof MissingKeyError;
    log.error(
      { err, webhook_id: row.id, tenant: row.tenant },
      lacksKey
        ? "this process lacks the key that a webhook's secrets are sealed with; what is due to it is left to a worker that has it: give this one the same POSTHORN_SECRETS_KEY as the others"
        : "a webhook's secrets can't be decrypted",
    );
    return { secrets: undefined, lacksKey };
  }
}
