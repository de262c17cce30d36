// Posts by the thousand: over connections that are kept, and without what supertest does for a call.
import { Agent, request } from "node:http";

import type { TestService } from "./service.ts";

export type Posted = { status: number; type: string; body: string };

export type Poster = {
  /** Posts this text with the admin key, whatever it is. */
  post(operation: string, text: string): Promise<Posted>;
  close(): void;
};

/** Creates it; so many are under way at once, others wait. */
export function createPoster(
  { url, adminKey }: Pick<TestService, "url" | "adminKey">,
  atOnce: number,
): Poster {
  const agent = new Agent({ keepAlive: true, maxSockets: atOnce });
  const headers = { "X-API-Key": adminKey, "Content-Type": "application/json" };
  return {
    post: (operation, text) =>
      new Promise((resolve, reject) => {
        const asked = request(
          `${url}/${operation}`,
          { method: "POST", agent, headers },
          (response) => {
            const { statusCode: status = 0, headers: given } = response;
            let body = "";
            response.setEncoding("utf8").on("data", (part: string) => (body += part));
            response.once("end", () =>
              resolve({ status, type: given["content-type"] ?? "", body }),
            );
          },
        );
        asked.once("error", reject).end(text);
      }),
    close: () => agent.destroy(),
  };
}
