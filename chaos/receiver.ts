// The receiver, a process of its own: verifies each request, keeps when which event arrived, and fails as it is told.
import http from "node:http";
import type { AddressInfo } from "node:net";

import { verifyWebhook } from "posthorn/verify";

import { now } from "./clock.ts";
import type { Arrivals, Order, Taken } from "./inbox.ts";

const [key = "", answerMs = "0"] = process.argv.slice(2);

const BACKLOG = 4_096; // connections that wait to be accepted: several workers come at once

const taken = new Map<string, Taken>();
const newest: Record<string, number> = {}; // by tenant
const wrong: string[] = [];
let failsFirstOf = 0;

const server = http.createServer(async (request, response) => {
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of request) chunks.push(chunk as Buffer);
  } catch {
    return; // cut off before all of it was here: nothing has arrived
  }
  const event = await verifyWebhook(Buffer.concat(chunks), request.headers, key, {
    preset: "standard",
  }).catch((error: Error) => void wrong.push(error.message));
  const answer = (status: number) =>
    setTimeout(() => response.writeHead(status).end(), Number(answerMs));
  if (!event?.id) return answer(400);
  const isFirst = request.headers["webhook-attempt"] === "1";
  const { n } = event.payload as { n: number };
  if (isFirst && failsFirstOf > 0 && n % failsFirstOf === 0) return answer(503);
  const { id } = event;
  const [, tenant = ""] = request.url?.split("/") ?? [];
  newest[tenant] = Math.max(n, newest[tenant] ?? 0);
  const before = taken.get(id);
  if (before) before.at.push(now());
  else taken.set(id, { id, path: request.url ?? "", at: [now()] });
  return answer(200);
});
server.keepAliveTimeout = 60_000;

const ORDERS: Record<Order["order"], (order: Order) => Promise<unknown> | undefined> = {
  count: () => undefined,
  fail_first_of: ({ value = 0 }) => void (failsFirstOf = value),
  down: () =>
    new Promise((resolve) => {
      server.close(resolve);
      server.closeAllConnections();
    }),
  up: ({ value = 0 }) =>
    new Promise<void>((resolve) => server.listen(value, "127.0.0.1", BACKLOG, resolve)),
  report: () => undefined,
};

process.on("message", async (order: Order) => {
  await ORDERS[order.order](order);
  const arrivals: Arrivals = {
    unique: taken.size,
    newest,
    port: (server.address() as AddressInfo | null)?.port ?? 0,
    wrong,
    ...(order.order === "report" && { events: [...taken.values()] }),
  };
  process.send?.(arrivals);
});
process.on("disconnect", () => process.exit(0));
