// Computes and compares signatures with Web Crypto alone: it is in Node and in every browser and edge runtime.
import { toBase64, toHex } from "../presets/encoding.ts";
import type { Preset } from "../presets/types.ts";

/** Whether one of the digests is that of `signed` under one of the keys. Looks at all of them, whatever it finds. */
export async function isSigned(
  preset: Preset,
  keys: readonly string[],
  signed: Uint8Array<ArrayBuffer>,
  digests: readonly string[],
): Promise<boolean> {
  let found = false;
  for (const key of keys) {
    const expected = await digestOf(preset, key, signed);
    for (const digest of digests) found = equalInConstantTime(digest, expected) || found;
  }
  return found;
}

async function digestOf(
  preset: Preset,
  key: string,
  signed: Uint8Array<ArrayBuffer>,
): Promise<string> {
  const algorithm = { name: "HMAC", hash: "SHA-256" };
  const bytes = preset.keyBytes(key);
  const hmacKey = await crypto.subtle.importKey("raw", bytes, algorithm, false, ["sign"]);
  const digest = new Uint8Array(await crypto.subtle.sign("HMAC", hmacKey, signed));
  return preset.signature.encoding === "hex" ? toHex(digest) : toBase64(digest);
}

/**
 * Compares as text, so that a second spelling of the same bytes (upper case, other base64 padding bits)
 * is refused; the time taken tells nothing but the lengths, which are public.
 */
function equalInConstantTime(a: string, b: string): boolean {
  if (a.length !== b.length) return false;
  let difference = 0;
  for (let i = 0; i < a.length; i++) difference |= a.charCodeAt(i) ^ b.charCodeAt(i);
  return difference === 0;
}
