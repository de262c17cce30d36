// The HTTP clients that are compared. Each is used as its users would: kept-alive connections, no retries.
import http from "node:http";

import got from "got";
import { Pool } from "undici";

import { parseCidrs } from "../../src/egress/address.ts";
import { createEgress } from "../../src/egress/client.ts";
import { monotonic } from "../../src/kernel/clock.ts";
import { CONCURRENCY } from "../service.ts";

export const CLIENTS = ["posthorn", "node:http", "undici", "got"] as const;
export type Client = (typeof CLIENTS)[number];

export type Reply = { status: number; headers: Record<string, unknown>; body: string };
export type Sender = (
  path: string,
  headers: Record<string, string>,
  body: Buffer,
) => Promise<Reply>;

const TIMEOUT_MS = 10_000; // as of the preset whose requests are sent
const mayResend = () => Promise.resolve(true); // else each would have a socket of its own

/** Creates the client of that name, to send to one origin. */
export function createSender(client: Client, origin: string): Sender {
  return { posthorn: ours, "node:http": nodeHttp, undici: bareUndici, got: stockGot }[client](
    origin,
  );
}

function ours(origin: string): Sender {
  const egress = createEgress({
    allow: parseCidrs("127.0.0.0/8"),
    forbidden: () => [],
    clock: monotonic,
    random: Math.random,
    concurrency: CONCURRENCY,
  });
  return async (path, headers, body) => {
    const request = { url: origin + path, headers, body, timeoutMs: TIMEOUT_MS };
    const exchange = await egress.post(request, mayResend);
    if (exchange.kind === "failed") throw new Error(exchange.error);
    const { status, headers: answered } = exchange;
    return { status, headers: answered, body: exchange.body.toString() };
  };
}

function bareUndici(origin: string): Sender {
  const pool = new Pool(origin, { connections: CONCURRENCY, headersTimeout: TIMEOUT_MS });
  return async (path, headers, body) => {
    const answer = await pool.request({ method: "POST", path, headers, body });
    const text = await answer.body.text();
    return { status: answer.statusCode, headers: answer.headers, body: text };
  };
}

function stockGot(origin: string): Sender {
  const agent = new http.Agent({ keepAlive: true, maxSockets: CONCURRENCY });
  const client = got.extend({
    agent: { http: agent },
    retry: { limit: 0 },
    throwHttpErrors: false,
    followRedirect: false,
    timeout: { request: TIMEOUT_MS },
  });
  return async (path, headers, body) => {
    const answer = await client.post(origin + path, { headers, body });
    return { status: answer.statusCode, headers: answer.headers, body: answer.body };
  };
}

function nodeHttp(origin: string): Sender {
  const { hostname, port } = new URL(origin);
  const agent = new http.Agent({ keepAlive: true, maxSockets: CONCURRENCY });
  return (path, headers, body) =>
    new Promise((resolve, reject) => {
      const options = { method: "POST", hostname, port, path, headers, agent, timeout: TIMEOUT_MS };
      const request = http.request(options, (answer) => {
        const chunks: Buffer[] = [];
        answer.on("data", (chunk: Buffer) => chunks.push(chunk));
        answer.on("end", () => {
          const text = Buffer.concat(chunks).toString();
          resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body: text });
        });
      });
      request.once("error", reject);
      request.once("timeout", () => request.destroy(new Error("timeout")));
      request.setHeader("content-length", body.length);
      request.end(body);
    });
}
