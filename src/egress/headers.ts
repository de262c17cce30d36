// Which headers a webhook may add: judged at subscribe and update, since a bad one would fail every attempt.
import { invalid } from "../kernel/errors.ts";
import { isTrimmed, WHITE_SPACE_AT_ENDS } from "../kernel/fields.ts";

/** How many there may be, and how large one. */
export const HEADERS_MAX = 32;
export const HEADER_BYTES_MAX = 4_096;
export const HEADER_NAME_MAX = 256;

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/; // RFC 9110 5.6.2
const VISIBLE_ASCII = /^[ -~]*$/; // one byte a character, and nothing that could end the line

// Framing and hop-by-hop headers cut or redirect the request; the others are a proxy's to say.
const FRAMING = new Set([
  "__proto__", // an object's prototype, not a member: it would vanish on the way
  "connection",
  "content-encoding",
  "content-length",
  "date",
  "expect",
  "forwarded",
  "host",
  "http2-settings",
  "keep-alive",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);
const FRAMING_PREFIXES = ["proxy-", "x-forwarded-"];

// The presets' own, which no webhook's headers may replace.
const SIGNATURES = new Set(["x-airy-content-signature", "x-webhook-signature"]);
const SIGNATURES_PREFIXES = ["webhook-", "svix-"];

// What every request has, whatever its preset.
const ALWAYS_SENT = new Set([
  "content-type",
  "traceparent",
  "user-agent",
  "webhook-attempt",
  "webhook-id",
  "webhook-sequence",
  "webhook-timestamp",
]);

/** Throws the 400 for the first header that can't be sent as given. Values may be secrets: no text repeats one. */
export function judgeHeaders(headers: Record<string, string>): void {
  const names = Object.keys(headers);
  if (names.length > HEADERS_MAX)
    throw invalid("headers", `found ${names.length} headers; at most ${HEADERS_MAX} are allowed`);
  const seen = new Set<string>();
  for (const name of names) {
    const lower = name.toLowerCase();
    const why = judgeName(name, lower) ?? judgeValue(headers[name] ?? "");
    if (why !== undefined) throw invalid(`headers.${printable(name)}`, why);
    if (seen.has(lower))
      throw invalid(`headers.${name}`, "is given twice in different case; keep one of them");
    seen.add(lower);
  }
}

/** Says in words why a preset's settings can't name a header for what only we know, the id or the signature; else undefined. */
export function judgeSentHeader(name: string): string | undefined {
  const lower = name.toLowerCase();
  if (!TOKEN.test(name)) return NO_TOKEN;
  if (isFraming(lower)) return RESERVED;
  return ALWAYS_SENT.has(lower)
    ? "is a header that every delivery has already; use another name, or leave it out"
    : undefined;
}

const NO_TOKEN = "is not a header name; use letters, digits and any of !#$%&'*+-.^_`|~";
const RESERVED = "is reserved: the service sets it itself; use another name";

function isFraming(lower: string): boolean {
  return FRAMING.has(lower) || FRAMING_PREFIXES.some((prefix) => lower.startsWith(prefix));
}

function isSignature(lower: string): boolean {
  return SIGNATURES.has(lower) || SIGNATURES_PREFIXES.some((prefix) => lower.startsWith(prefix));
}

function judgeName(name: string, lower: string): string | undefined {
  if (name.length > HEADER_NAME_MAX)
    return `the name has ${name.length} characters; at most ${HEADER_NAME_MAX} are allowed`;
  if (!TOKEN.test(name)) return NO_TOKEN;
  return isFraming(lower) || isSignature(lower) ? RESERVED : undefined;
}

function judgeValue(value: string): string | undefined {
  if (value.length > HEADER_BYTES_MAX)
    return `the value has ${value.length} characters; at most ${HEADER_BYTES_MAX} are allowed`;
  if (!VISIBLE_ASCII.test(value))
    return "the value holds a character that is not visible ASCII; encode it (base64, say)";
  // HTTP drops it on the way (RFC 9110, 5.5), so the receiver would compare another value.
  if (!isTrimmed(value)) return `the value ${WHITE_SPACE_AT_ENDS}`;
  return undefined;
}

// A name is repeated in the answer's path, so a hostile one is cut and stripped to ASCII.
function printable(name: string): string {
  return name.replace(/[^!-~]/g, "?").slice(0, 64);
}
