// The body as bytes, which are what is signed, and as JSON once they have proved genuine.
import { utf8 } from "../presets/encoding.ts";
import { SignatureVerificationError } from "./errors.ts";

/** The body exactly as it came; a string stands for its UTF-8. */
export type RawBody = string | Uint8Array | ArrayBuffer;

/** A copy of the body's bytes: the caller's buffer may be reused while the signature is being computed. */
export function bytesOf(rawBody: RawBody): Uint8Array<ArrayBuffer> {
  if (typeof rawBody === "string") return utf8(rawBody);
  if (ArrayBuffer.isView(rawBody)) {
    return Uint8Array.from(new Uint8Array(rawBody.buffer, rawBody.byteOffset, rawBody.byteLength));
  }
  if (rawBody instanceof ArrayBuffer) return new Uint8Array(rawBody.slice(0));
  throw new SignatureVerificationError(
    "invalid_body",
    "the body has to be the raw bytes as they came: JSON that was parsed " +
      'and printed again has other bytes; in Express, use express.raw({ type: "application/json" })',
  );
}

/** The value in a body. */
export function parseBody(bytes: Uint8Array): unknown {
  const value = parseJson(bytes);
  if (value !== undefined) return value;
  throw new SignatureVerificationError("invalid_body", "the body is signed, but not JSON");
}

function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes));
  } catch {
    return undefined;
  }
}
