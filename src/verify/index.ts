// posthorn/verify: the receiver's module. No dependencies, no Node built-ins: it runs wherever fetch does.
export { SignatureVerificationError, type SignatureVerificationCode } from "./errors.ts";
export type { HeadersLike, HeaderValue } from "./headers.ts";
export type { RawBody } from "./body.ts";
export { verifyWebhook, type VerifiedEvent, type VerifyOptions } from "./verify-webhook.ts";
export type { GivenPresetSettings as PresetSettings } from "../presets/custom.ts";
export type { PresetName } from "../presets/index.ts";
