// What a receiver may send back of the secrets that it was sent: as a whole, in parts, and as other programs spell them.
import type { Secrets } from "./target.ts";

/** The length from which a text is taken for a secret: shorter ones stand in answers by chance. */
export const PART_MIN = 8;

const CREDENTIAL_MIN = 4; // of what is secret for sure; a shorter one would blank out half of an answer
const PARTS_MAX = 200; // of all values together: longer lists are no credentials, and each is looked for in each answer

// What stands around a token in a header, and what JSON and HTML spell otherwise.
const BETWEEN_PARTS = /[\s,;:="'<>&\\]+/;

// Half of all answers have a value of these.
const TELLS_NOTHING = /^(content-type|accept(-.+)?|cache-control|user-agent)$/i;

// Of each webhook's secrets once, and not with each attempt: they are opened once, too.
const known = new WeakMap<Secrets, string[]>();

/** Every text that would show something of the webhook's headers and keys, or of the signature made with them. */
export function echoesOf(secrets: Secrets | undefined, signature: string | null): string[] {
  const ofSignature = signature === null ? [] : echoesOfSignature(signature);
  if (!secrets) return ofSignature;
  const ofSecrets = known.get(secrets) ?? echoesOfSecrets(secrets);
  known.set(secrets, ofSecrets);
  return [...ofSecrets, ...ofSignature];
}

// Mostly letters and digits alone, which have no parts.
function echoesOfSignature(signature: string): string[] {
  const isPlain = signature.length >= PART_MIN && SPELLED_ALIKE.test(signature);
  return isPlain ? [signature] : spelled(withParts([signature]));
}

function echoesOfSecrets({ headers, key, previousKey }: Secrets): string[] {
  const values = Object.entries(headers)
    .filter(([name]) => !TELLS_NOTHING.test(name))
    .map(([, value]) => value);
  const keys = [key, previousKey?.key ?? null].filter((each) => each !== null);
  const found = [
    ...withParts([...keys, ...values]),
    ...values.flatMap(credentials),
    ...keys.flatMap((each) => [each, each.replace(/^whsec_/, "")]),
  ].filter((text) => text.length >= CREDENTIAL_MIN);
  return spelled(found);
}

function withParts(values: readonly string[]): string[] {
  const isLong = (text: string) => text.length >= PART_MIN;
  const parts = values.flatMap((value) => value.split(BETWEEN_PARTS)).filter(isLong);
  return [...values.filter(isLong), ...parts.slice(0, PARTS_MAX)];
}

// Both halves of RFC 7617's user:password, which receivers decode and show.
function credentials(value: string): string[] {
  const encoded = /^basic +([A-Za-z0-9+/]+=*)$/i.exec(value.trim())?.[1];
  if (encoded === undefined) return [];
  const text = Buffer.from(encoded, "base64").toString("utf8");
  const colon = text.indexOf(":");
  return [text, text.slice(0, Math.max(colon, 0)), text.slice(colon + 1)];
}

function spelled(texts: readonly string[]): string[] {
  return [...new Set(texts.flatMap(spellings))];
}

const SPELLED_ALIKE = /^[\w.~-]*$/; // everywhere, as most keys and signatures are

// PHP writes / in JSON as \/, .NET + as \u002B; forms and addresses are percent-encoded.
function spellings(text: string): string[] {
  if (SPELLED_ALIKE.test(text)) return [text];
  const json = JSON.stringify(text).slice(1, -1);
  return [
    text,
    json,
    json.replaceAll("/", "\\/"),
    json.replaceAll("+", "\\u002B"),
    encodeURIComponent(text),
  ];
}
