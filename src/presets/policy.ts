// A preset's policy, applied.
import type { Preset } from "./types.ts";

/** What POSTHORN_HTTP says: the preset's own rule, plain http for all, or https demanded of all. */
export type HttpRule = "preset" | "always" | "never";

/** Whether a webhook of this preset may be sent to over https alone. */
export function demandsHttps(preset: Preset, rule: HttpRule): boolean {
  return rule === "never" || (rule === "preset" && preset.httpsOnly);
}

/** Whether an answer with this status counts as delivered. */
export function isSuccess(preset: Preset, status: number): boolean {
  return preset.success === "200" ? status === 200 : status >= 200 && status <= 299;
}
