// The key that most presets use: any UTF-8 text.
import { toHex, utf8 } from "./encoding.ts";
import type { KeyForm } from "./types.ts";

const KEY_LENGTH_MAX = 256;
const GENERATED_KEY_BYTES = 32; // as long as a SHA-256: a longer one adds nothing (RFC 2104, 3)

/** A key of 1 to 256 characters of text, signed with as its UTF-8 bytes. */
export const textKey: KeyForm = {
  checkKey(key) {
    if (key === "") return "is empty: give a key of 1 to 256 characters";
    if (key.length > KEY_LENGTH_MAX) return "is longer than 256 characters";
    // Every lone surrogate becomes the same U+FFFD in UTF-8, so that different keys would sign alike.
    if (/\p{Cs}/u.test(key)) return "is not Unicode text: it holds half of a surrogate pair";
    return null;
  },
  generateKey: (randomBytes) => toHex(randomBytes(GENERATED_KEY_BYTES)),
  keyBytes: utf8,
};
