// Why a webhook was refused.

/** Every `code` of a `SignatureVerificationError`; docs/signatures.md tells what to do about each. */
export type SignatureVerificationCode =
  | "headers_needed"
  | "invalid_body"
  | "invalid_key"
  | "malformed_signature"
  | "missing_signature"
  | "signature_mismatch"
  | "timestamp_missing"
  | "timestamp_out_of_tolerance"
  | "unknown_preset";

/**
 * Tells why a webhook was not accepted. Answer 400 and drop it; `code` is for your own log and metrics.
 * `message` quotes neither key nor signature.
 *
 * @example
 * catch (error) {
 *   if (error instanceof SignatureVerificationError) return response.status(400).end();
 *   throw error;
 * }
 */
export class SignatureVerificationError extends Error {
  override readonly name = "SignatureVerificationError";
  readonly code: SignatureVerificationCode;

  constructor(code: SignatureVerificationCode, message: string) {
    super(message);
    this.code = code;
  }
}
