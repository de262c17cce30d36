// The signature that most presets share: one digest, bare or behind a prefix.
import type { SignatureScheme } from "./types.ts";

// Upper case and other padding are refused: one signature has one spelling.
const FORMS = { hex: /^[0-9a-f]{64}$/, base64: /^[A-Za-z0-9+/]{43}=$/ };

/** `<prefix><digest>`, of the body alone where no preamble is given; `{timestamp}` in the prefix is the attempt's time. */
export function digestAfter(
  prefix = "",
  encoding: SignatureScheme["encoding"] = "hex",
  preamble: SignatureScheme["preamble"] = null,
): SignatureScheme {
  const prefixAt = (timestamp: string) => prefix.replaceAll("{timestamp}", timestamp);
  return {
    encoding,
    preamble,
    write: (digests, timestamp) => prefixAt(timestamp) + digests.join(""),
    read(value, timestamp) {
      const before = prefixAt(timestamp);
      const digest = value.slice(before.length);
      return value.startsWith(before) && FORMS[encoding].test(digest) ? [digest] : [];
    },
  };
}
