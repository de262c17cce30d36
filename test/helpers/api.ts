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

/** Asks until the answer is as wanted; fails with the last one after a minute. */
export async function until<T>(
  ask: () => Promise<T>,
  isWanted: (answer: T) => boolean,
): Promise<T> {
  const deadline = performance.now() + 60_000;
  for (;;) {
    const answer = await ask();
    if (isWanted(answer)) return answer;
    if (performance.now() > deadline)
      throw new Error(`waited in vain; the last answer was ${JSON.stringify(answer)}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
