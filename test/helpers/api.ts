// Calls a running service as an integration does: POST, JSON, a key.
import request from "supertest";

import type { TestService } from "./service.ts";

export type Call = (operation: string, body?: unknown) => request.Test;

/** Calls with the admin key, or with what `headers` say instead. */
export function caller(
  service: Pick<TestService, "url" | "adminKey">,
  headers: Record<string, string> = {},
): Call {
  return (operation, body) => {
    const call = request(service.url)
      .post(`/${operation}`)
      .set({ Authorization: `Bearer ${service.adminKey}`, ...headers });
    return body === undefined ? call : call.send(body as object);
  };
}

/**
 * Asks again for as long as the answer is a 503, as a caller does: on a busy machine one of many at once may wait for the lock
 * of another for longer than a call may.
 */
export const insist = (ask: () => request.Test): Promise<request.Response> =>
  until(
    async () => ask(),
    ({ status }) => status !== 503,
  );

const UNTIL_MS_MAX = 100_000; // below jest's own limit, so that a wait in vain shows what it saw last
const PAUSE_MS = { min: 20, max: 100 }; // between two looks: the longer it lasts, the rarer, for each costs who is waited for, too

/**
 * Asks until the answer is as wanted; fails with the last one where none is. So a measure is taken, too, that a busy machine may
 * spoil: what is wrong spoils it each time.
 */
export async function until<T>(
  ask: () => Promise<T>,
  isWanted: (answer: T) => boolean,
): Promise<T> {
  const since = performance.now();
  for (;;) {
    const answer = await ask();
    if (isWanted(answer)) return answer;
    const waitedMs = performance.now() - since;
    if (waitedMs > UNTIL_MS_MAX)
      throw new Error(`waited in vain; the last answer was ${JSON.stringify(answer)}`);
    const pauseMs = Math.min(Math.max(PAUSE_MS.min, waitedMs / 10), PAUSE_MS.max);
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
}
