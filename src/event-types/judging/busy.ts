// The 429 of what can't be judged by its schema now.
import { SECOND } from "../../kernel/duration.ts";
import { PosthornError } from "../../kernel/errors.ts";

/** What stands at `path` was not judged: this tenant's schemas take too long, and others wait for theirs. */
export function tooSlow(path: string, waitMs: number): PosthornError {
  const retryAfterS = Math.ceil(waitMs / SECOND);
  const message = `judging by this tenant's schemas takes too long; nothing was stored, try again in ${retryAfterS} s, and make the schema simpler`;
  return new PosthornError("rate_limited", `${path}: ${message}`, {
    issues: [{ path, message }],
    retryAfterS,
  });
}
