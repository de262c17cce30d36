// Answers of more than a quarter of a megabyte: few of all callers are open at once, and one at a time is made.
import type { Response } from "express";

import { SECOND } from "../kernel/duration.ts";
import { PosthornError } from "../kernel/errors.ts";
import type { Enlarge } from "../kernel/lists.ts";
import { createShares, type Owner } from "../kernel/shares.ts";
import { createTurns } from "../kernel/turns.ts";
import { closed } from "./answer.ts";

const OPEN_MAX = 6; // of 4 MiB each, and one of a key: who does not read his is cut off after half a minute
const MADE_WITHIN_MS = 10 * SECOND; // all six take a second or two
const RETRY_AFTER_S = 1;

/** Makes what an answer needs to become a large one: it then counts until it is read or its reader is gone. */
export type LargeAnswer = (owner: Owner, response: Response) => Enlarge;

/** Makes what counts the large answers of one process. The work rejects with the 429 where it would have to wait too long. */
export function createLargeAnswers(): LargeAnswer {
  const open = createShares(OPEN_MAX);
  const making = createTurns(1);

  const opened = (owner: Owner, response: Response): Promise<void> =>
    new Promise((resolve, reject) => {
      const hold = () => {
        resolve();
        return closed(response);
      };
      open.take({ ...owner, subject: owner.key }, hold).catch(reject);
    });

  return (owner, response) => {
    let isOpen: Promise<void> | undefined; // once for all calls of a batch
    return async (make) => {
      await (isOpen ??= opened(owner, response));
      const made = await making.take(MADE_WITHIN_MS, async () => ({ value: await make() }));
      if (made) return made.value;
      throw new PosthornError(
        "rate_limited",
        "too many large answers are being made; ask for less at once, or again after the time in Retry-After",
        { retryAfterS: RETRY_AFTER_S },
      );
    };
  };
}
