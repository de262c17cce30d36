// How many answers of one API key may be open: asked for, being made, or made and not read to their end. Each may have 4 MiB.
import type { Response } from "express";

import { SECOND } from "../kernel/duration.ts";
import { PosthornError } from "../kernel/errors.ts";
import { createTurns } from "../kernel/turns.ts";
import { closed } from "./answer.ts";

const READS_MAX = 4; // 16 MiB: a page of a dashboard has more calls, but each is made in some milliseconds
const WRITES_MAX = 512; // their answers are small, and publishers come in hundreds at once
const LINE_MAX = 1_000; // those open and those that wait: a client that is asked to slow down is better off than one that is not
const WAIT_MS = 10 * SECOND;
const RETRY_AFTER_S = 1;

/**
 * Answers when it is this answer's turn, which it has until it is read or its reader is gone, or it leaves by what is answered: one that
 * waits for the database is counted elsewhere. Rejects with the 429 where that takes too long: a key's answers wait for its own alone.
 */
export type OpenAnswer = (
  keyId: string,
  isRead: boolean,
  response: Response,
) => Promise<() => void>;

/** Makes what counts the open answers of one process. */
export function createOpenAnswers(): OpenAnswer {
  const newLine = () => ({
    reads: createTurns(READS_MAX),
    writes: createTurns(WRITES_MAX),
    all: 0,
  });
  const lines = new Map<string, ReturnType<typeof newLine>>(); // of keys that have answers open, or waiting

  return (keyId, isRead, response) => {
    const line = lines.get(keyId) ?? newLine();
    lines.set(keyId, line);
    if (line.all >= LINE_MAX) return Promise.reject(tooMany());
    line.all++;
    const turns = isRead ? line.reads : line.writes;
    return new Promise((resolve, reject) => {
      const turn = turns.take(WAIT_MS, () => {
        let leave = () => {};
        const left = new Promise<void>((resolve) => (leave = resolve));
        if (response.closed)
          reject(tooMany()); // gone while it waited: nothing is read for nobody
        else resolve(leave);
        return Promise.race([closed(response), left]).then(() => true);
      });
      void turn.then((had) => {
        if (!had) reject(tooMany());
        if (--line.all === 0) lines.delete(keyId);
      });
    });
  };
}

function tooMany(): PosthornError {
  return new PosthornError(
    "rate_limited",
    "too many answers to this API key are open; read those that have come, and ask for fewer at once",
    { retryAfterS: RETRY_AFTER_S },
  );
}
