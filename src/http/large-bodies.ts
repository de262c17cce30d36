// Bodies of more than a megabyte: received side by side, within a share of the memory, and parsed one at a time.
import type { Response } from "express";

import { SECOND } from "../kernel/duration.ts";
import { PosthornError } from "../kernel/errors.ts";
import { createTurns } from "../kernel/turns.ts";

const ALL_BYTES_MAX = 128 * 1024 * 1024; // eight of the largest
const OF_KEY_MAX = 2; // one that is sent while the one before is parsed: more is no faster
const PARSED_WITHIN_MS = 30 * SECOND; // all eight take some seconds
const RETRY_AFTER_S = 1;

export type LargeBodies = {
  /** Makes room for a body until its answer is read. Throws the 429 where there is none. */
  begin(keyId: string, bytes: number, response: Response): void;
  /** Parses when it is this body's turn. */
  inTurn<T>(parse: () => Promise<T>): Promise<T>;
};

/** Makes what counts the large bodies of one process. */
export function createLargeBodies(): LargeBodies {
  const turns = createTurns(1);
  const ofKeys = new Map<string, number>();
  let bytesOpen = 0;
  return {
    begin(keyId, bytes, response) {
      const own = ofKeys.get(keyId) ?? 0;
      if (own >= OF_KEY_MAX)
        throw refusal(`this API key sends ${own} bodies of more than 1 MiB already`);
      if (bytesOpen + bytes > ALL_BYTES_MAX) throw refusal("too many large bodies are being sent");
      ofKeys.set(keyId, own + 1);
      bytesOpen += bytes;
      response.once("close", () => {
        const others = (ofKeys.get(keyId) ?? 1) - 1;
        if (others > 0) ofKeys.set(keyId, others);
        else ofKeys.delete(keyId);
        bytesOpen -= bytes;
      });
    },
    async inTurn(parse) {
      const parsed = await turns.take(PARSED_WITHIN_MS, async () => ({ value: await parse() }));
      if (!parsed) throw refusal("too many large bodies are being read");
      return parsed.value;
    },
  };
}

function refusal(why: string): PosthornError {
  return new PosthornError("rate_limited", `${why}; send this one again when they are answered`, {
    retryAfterS: RETRY_AFTER_S,
  });
}
