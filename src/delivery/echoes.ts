// What a receiver may send back of the secrets that it was sent: as a whole, in parts, and as other programs spell them.
import type { Secrets } from "./target.ts";

/** The length from which a text is taken for a secret: shorter ones stand in answers by chance. */
export const PART_MIN = 8;

const CREDENTIAL_MIN = 4; // of what is secret for sure; a shorter one would blank out half of an answer
const PARTS_MAX = 64; // of one value: a longer list is no credential, and looking for each takes time

// What stands around a token in a header, and what JSON and HTML spell otherwise.
const BETWEEN_PARTS = /[\s,;:="'<>&\\]+/;

// Half of all answers have a value of these.
const TELLS_NOTHING = /^(content-type|accept(-.+)?|cache-control|user-agent)$/i;

/** Every text that would show something of the webhook's headers and keys, or of the signature made with them. */
export function echoesOf(secrets: Secrets | undefined, signature: string | null): string[] {
  const { headers = {}, key = null, previousKey = null } = secrets ?? {};
  const values = Object.entries(headers).filter(([name]) => !TELLS_NOTHING.test(name));
  const keys = [key, previousKey?.key ?? null].filter((each) => each !== null);
  const found = [
    ...values.flatMap(([, value]) => [...withParts(value), ...credentials(value)]),
    ...keys.flatMap((each) => [...withParts(each), each, each.replace(/^whsec_/, "")]),
    ...(signature === null ? [] : withParts(signature)),
  ].filter((text) => text.length >= CREDENTIAL_MIN);
  return [...new Set(found.flatMap(spellings))];
}

function withParts(value: string): string[] {
  const parts = value.split(BETWEEN_PARTS, PARTS_MAX);
  return [value, ...parts].filter((text) => text.length >= PART_MIN);
}

// Both halves of RFC 7617's user:password, which receivers decode and show.
function credentials(value: string): string[] {
  const encoded = /^basic +([A-Za-z0-9+/]+=*)$/i.exec(value.trim())?.[1];
  if (encoded === undefined) return [];
  const text = Buffer.from(encoded, "base64").toString("utf8");
  const colon = text.indexOf(":");
  return [text, text.slice(0, Math.max(colon, 0)), text.slice(colon + 1)];
}

// PHP writes / in JSON as \/, .NET + as \u002B; forms and addresses are percent-encoded.
function spellings(text: string): string[] {
  const json = JSON.stringify(text).slice(1, -1);
  return [
    text,
    json,
    json.replaceAll("/", "\\/"),
    json.replaceAll("+", "\\u002B"),
    encodeURIComponent(text),
  ];
}
