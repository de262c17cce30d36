// A receiver that keeps what arrives, answers as told, and tells when so many have come.
import http, { type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";

export type Delivered = { headers: IncomingHttpHeaders; body: string; path: string };
export type Reply = {
  status?: number;
  headers?: Record<string, string>;
  body?: string;
  until?: Promise<unknown>;
};

export type Inbox = {
  url: string;
  requests: Delivered[];
  /** Resolves with everything once `count` requests have arrived. */
  arrived(count: number): Promise<Delivered[]>;
  /** What to answer from now on; the number counts requests from 0. */
  reply: (request: Delivered, number: number) => Reply;
  close(): Promise<void>;
};

/** Starts a receiver on loopback; without a reply of your own it answers 200. */
export async function startInbox(reply: Inbox["reply"] = () => ({})): Promise<Inbox> {
  const waiting: { count: number; resolve: (requests: Delivered[]) => void }[] = [];
  const server = http.createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const delivered = {
      headers: request.headers,
      body: Buffer.concat(chunks).toString(),
      path: request.url ?? "",
    };
    const number = inbox.requests.push(delivered) - 1;
    const { status = 200, headers = {}, body = "ok", until } = inbox.reply(delivered, number);
    for (const waiter of waiting)
      if (inbox.requests.length >= waiter.count) waiter.resolve(inbox.requests);
    await until;
    response.writeHead(status, headers).end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const inbox: Inbox = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`,
    requests: [],
    reply,
    arrived(count) {
      return new Promise((resolve) => {
        if (inbox.requests.length >= count) resolve(inbox.requests);
        else waiting.push({ count, resolve });
      });
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return inbox;
}
