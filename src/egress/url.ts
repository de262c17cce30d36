// Which URLs may be subscribed: judged at subscribe, at update, and before every request.
import { isIP } from "node:net";

import { invalid } from "../kernel/errors.ts";
import { judgeAddress, type AddressRules } from "./address.ts";
import { judgeName } from "./known-names.ts";

export type UrlRules = AddressRules & { httpsOnly: boolean };

const URL_CHARACTERS_MAX = 2_048;

/**
 * Answers the URL in its normal form, the one to store and to send to, or throws the 400 that says what is wrong.
 * Octal, hex and full-width forms of an address are plain ones after parsing; only that result is judged.
 * No text repeats more of the URL than its scheme, host and port: the rest may hold a secret.
 */
export function judgeUrl(text: string, rules: UrlRules): string {
  if (text.length > URL_CHARACTERS_MAX) throw tooLong(text.length);
  // The parser would drop these without a word, and what is stored would not be what was typed.
  if (/[\u0000-\u0020\u007f]/.test(text))
    throw refused("holds white space or control characters; percent-encode or remove them");
  const url = parse(text);
  judgeForm(url, rules.httpsOnly);
  const port = portOf(url);
  const host = hostOf(url);
  const why = isIP(host) ? judgeAddress(host, port, rules) : judgeName(host, port, rules);
  if (why !== undefined)
    throw refused(
      `leads to ${url.host}, ${why}, which may not be reached; use a public one (the operator can allow private addresses with POSTHORN_EGRESS_ALLOW)`,
    );
  if (url.href.length > URL_CHARACTERS_MAX) throw tooLong(url.href.length);
  return url.href;
}

// As `net` wants it: an IPv6 address without its brackets.
function hostOf(url: URL): string {
  return url.hostname.replace(/^\[(.*)\]$/, "$1");
}

function parse(text: string): URL {
  try {
    return new URL(text);
  } catch {
    throw refused("is not a URL; write one like https://example.com/hooks, port 1 to 65535");
  }
}

function portOf(url: URL): number {
  if (url.port !== "") return Number(url.port);
  return url.protocol === "https:" ? 443 : 80;
}

function judgeForm(url: URL, httpsOnly: boolean): void {
  if (url.protocol !== "https:" && url.protocol !== "http:")
    throw refused(`starts with ${url.protocol.slice(0, 32)}; only http: and https: can be sent to`);
  if (httpsOnly && url.protocol !== "https:")
    throw refused(
      "starts with http:, but https: is demanded here, by the preset or by the operator (POSTHORN_HTTP); use an https URL",
    );
  if (url.username !== "" || url.password !== "")
    throw refused("holds a user name or password; send credentials in `headers` instead");
  if (url.port === "0") throw refused("has port 0; use one of 1 to 65535");
  if (url.href.includes("#"))
    throw refused("has a fragment (#…), which is never sent; leave it out");
}

function tooLong(found: number) {
  return refused(`has ${found} characters; at most ${URL_CHARACTERS_MAX} are allowed`);
}

function refused(message: string) {
  return invalid("url", message);
}
