// URLs that were judged and found good, so that a webhook's is parsed and judged once and not before every request.
import { routeTo, type Route } from "./transport.ts";
import { judgeUrl, type UrlRules } from "./url.ts";

// Of the URLs as they are given and as they are sent to, a byte each: 100,000 webhooks have URLs of some 80. One claim after the
// other goes round all webhooks, so where these were too many each would be judged anew in each round.
const REMEMBERED_CHARACTERS_MAX = 16 * 1024 * 1024;

/**
 * Answers where requests to a URL go; throws what `judgeUrl` does. Parsing and judging again cost a sixth of a request's CPU time;
 * nothing is lost, since every new connection is judged by the dialer, also by what has become forbidden meanwhile.
 */
export function createJudgedUrls(rules: Omit<UrlRules, "httpsOnly">) {
  const good = { any: new Map<string, Route>(), httpsOnly: new Map<string, Route>() };
  let characters = 0;
  return (text: string, httpsOnly: boolean): Route => {
    const known = httpsOnly ? good.httpsOnly : good.any;
    const found = known.get(text);
    if (found !== undefined) return found;
    const route = routeTo(judgeUrl(text, { ...rules, httpsOnly }));
    const added = text.length + route.origin.length + route.hostname.length + route.path.length;
    characters += added;
    if (characters > REMEMBERED_CHARACTERS_MAX) {
      // Rarer than keeping an order would cost.
      good.any.clear();
      good.httpsOnly.clear();
      characters = added;
    }
    known.set(text, route);
    return route;
  };
}
