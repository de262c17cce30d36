// URLs that were judged and found good, so that a webhook's is parsed and judged once and not before every request.
import { judgeUrl, type UrlRules } from "./url.ts";

const REMEMBERED_MAX = 4_096; // at most 16 MB, were all of them as long as URLs may be

/**
 * Answers what `judgeUrl` does. Parsing and judging again cost a sixth of a request's CPU time; nothing is lost, since
 * every new connection is judged by the dialer, also by what has become forbidden meanwhile.
 */
export function createJudgedUrls(rules: Omit<UrlRules, "httpsOnly">) {
  const good = { any: new Map<string, string>(), httpsOnly: new Map<string, string>() };
  return (text: string, httpsOnly: boolean): string => {
    const known = httpsOnly ? good.httpsOnly : good.any;
    const found = known.get(text);
    if (found !== undefined) return found;
    const url = judgeUrl(text, { ...rules, httpsOnly });
    if (known.size >= REMEMBERED_MAX) known.clear(); // rarer than keeping an order would cost
    known.set(text, url);
    return url;
  };
}
