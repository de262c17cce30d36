// The signature that three presets share: the bare hex digest of the body.
import type { SignatureScheme } from "./types.ts";

/** `<hex>` of the body alone. Upper case is refused: one signature has one spelling. */
export const hexOfBody: SignatureScheme = {
  encoding: "hex",
  preamble: null,
  write: (digests) => digests.join(""),
  read: (value) => (/^[0-9a-f]{64}$/.test(value) ? [value] : []),
};
