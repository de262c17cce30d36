// The sender's signature. Apart from the presets, so that posthorn/verify holds no node:crypto.
import { createHmac } from "node:crypto";

import type { Preset } from "./types.ts";

/** A key that the preset can't sign with, as when the stored one was made for another preset. */
export class UnusableKeyError extends Error {
  override name = "UnusableKeyError";
}

/**
 * Signs a body for the preset's header: with every key where the header can carry several,
 * else with the first alone, so give the newest first. Throws `UnusableKeyError`, which never quotes the key.
 */
export function sign(
  preset: Preset,
  keys: readonly string[],
  message: { id: string; timestamp: string; body: Uint8Array },
): string {
  const { preamble, encoding, write } = preset.signature;
  const used = preset.keyOverlap ? keys : keys.slice(0, 1);
  const digests = used.map((key) => {
    const wrong = preset.checkKey(key);
    if (wrong !== null) throw new UnusableKeyError(`signature key: ${wrong}`);
    const hmac = createHmac("sha256", preset.keyBytes(key));
    if (preamble !== null) hmac.update(preamble(message.id, message.timestamp));
    return hmac.update(message.body).digest(encoding);
  });
  return write(digests, message.timestamp);
}
