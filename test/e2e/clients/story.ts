// The one story that each client plays against a running service: subscribe, publish, list, retry, and be refused.
import http from "node:http";
import type { AddressInfo } from "node:net";

import { expect } from "@jest/globals";

import { startInbox } from "../../helpers/inbox.ts";
import { startTestService } from "../../helpers/service.ts";
import type { Environment } from "./workshop.ts";

const ID = "[0-9a-f]{32}";
const UUID = "[0-9a-f-]{36}";

/**
 * Lets a client's program play the story, and judges what it prints and what the receiver gets. It finds the
 * service, the key and where to have events sent in its environment.
 */
export async function playStory(play: (env: Environment) => Promise<string>): Promise<void> {
  const inbox = await startInbox();
  const service = await startTestService();
  try {
    const env = {
      POSTHORN_URL: service.url,
      POSTHORN_KEY: service.adminKey,
      RECEIVER_URL: inbox.url,
    };
    const [eventId] = judge(await play(env));
    const [delivered] = await inbox.arrived(1);
    expect(delivered?.headers["webhook-id"]).toBe(eventId);
    expect(JSON.parse(delivered?.body ?? "")).toMatchObject({
      type: "message.created",
      payload: { id: 1 },
    });
  } finally {
    await service.stop();
    await inbox.close();
  }
}

/** The same against a version to come, whose answers have fields and values that this client can't know. */
export async function playStoryWithNextVersion(
  play: (env: Environment) => Promise<string>,
): Promise<void> {
  await playStory(async (env) => {
    const next = await startNextVersion(env["POSTHORN_URL"] ?? "");
    try {
      return await play({ ...env, POSTHORN_URL: next.url });
    } finally {
      await next.close();
    }
  });
}

function judge(printed: string): [eventId: string] {
  const [subscribed, published, listed, retried, refused, ...more] = printed
    .trimEnd()
    .split(/\r?\n/);
  expect(subscribed).toMatch(new RegExp(`^subscribed ${UUID}$`));
  expect(published).toMatch(new RegExp(`^published evt_${ID} to 1$`));
  const eventId = published?.split(" ")[1] ?? "";
  expect(listed).toBe(`listed ${eventId}`);
  // One that waits becomes due; of one that has ended there is a new one.
  expect(retried).toMatch(new RegExp(`^retried dlv_${ID} of ${eventId}$`));
  expect(refused).toMatch(/^refused 400 invalid_request url: ./);
  expect(more).toEqual([]);
  return [eventId];
}

/** Stands before the service, adds a field to every object that it answers, and has new values where there are a few. */
async function startNextVersion(url: string): Promise<{ url: string; close(): Promise<void> }> {
  const server = http.createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const { authorization = "" } = request.headers;
    const answer = await fetch(`${url}${request.url}`, {
      method: "POST",
      headers: { authorization, "content-type": "application/json" },
      body: Buffer.concat(chunks),
    });
    const body = JSON.stringify(await answer.json(), (key, value: unknown) =>
      isOpen(key, value) ? { ...value, a_later_field: "unheard of", ...laterValues(value) } : value,
    );
    response.writeHead(answer.status, { "content-type": "application/json" }).end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function laterValues(object: object): object {
  const isKnown = ([name, value]: [string, unknown]) =>
    typeof value === "string" && ["status", "preset", "health", "order"].includes(name);
  const known = Object.entries(object).filter(isKnown);
  return Object.fromEntries(known.map(([name]) => [name, "a_later_value"]));
}

// Headers are a map from names to strings, and stay one.
function isOpen(key: string, value: unknown): value is object {
  return (
    typeof value === "object" && value !== null && !Array.isArray(value) && !key.endsWith("headers")
  );
}
