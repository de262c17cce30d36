// The service's settings as a page shows them: pure.
import { SAMPLE_SETTINGS } from "../presets/custom.ts";
import { PRESET_NAMES, presetOf } from "../presets/index.ts";
import { demandsHttps, type HttpRule } from "../presets/policy.ts";
import { LIMITS } from "../webhooks/limits.ts";
import type { Rules } from "./schema.ts";

/** Those of the configuration's settings that a page shows: named one by one, since others are secrets. */
export type ShownSettings = {
  POSTHORN_RETENTION_D: number;
  POSTHORN_PAYLOAD_RETENTION_D: number;
  POSTHORN_IDEMPOTENCY_H: number;
  POSTHORN_HOLD_H: number;
  POSTHORN_DISABLE_AFTER_H: number;
  POSTHORN_UNKNOWN_TYPES: Rules["unknown_types"];
  POSTHORN_WEBHOOKS_MAX: number;
  POSTHORN_HTTP: HttpRule;
};

/** What a page has to know of the configuration, and of the presets under it. */
export function readRules(config: ShownSettings): Rules {
  return {
    retention_d: config.POSTHORN_RETENTION_D,
    payload_retention_d: config.POSTHORN_PAYLOAD_RETENTION_D,
    idempotency_h: config.POSTHORN_IDEMPOTENCY_H,
    hold_h: config.POSTHORN_HOLD_H,
    disable_after_h: config.POSTHORN_DISABLE_AFTER_H,
    unknown_types: config.POSTHORN_UNKNOWN_TYPES,
    presets: PRESET_NAMES.map((name) => {
      // The policy of the preset `custom` is the same whatever its settings.
      const preset = presetOf({ preset: name, preset_settings: SAMPLE_SETTINGS });
      return {
        name,
        retry_schedule_s: [...preset.retryScheduleS],
        timeout_ms: preset.timeoutMs,
        https_only: demandsHttps(preset, config.POSTHORN_HTTP),
        success: preset.success,
        generates_key: preset.generatesKey,
        key_overlap: preset.keyOverlap,
      };
    }),
    limits: { webhooks: config.POSTHORN_WEBHOOKS_MAX, ...LIMITS },
  };
}
