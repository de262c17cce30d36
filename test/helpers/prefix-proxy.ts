// A proxy that serves what it stands before under a path of its own, and takes that path off.
import { once } from "node:events";
import http from "node:http";
import type { AddressInfo } from "node:net";

export type PrefixProxy = { url: string; close(): Promise<void> };

/** Starts it: what is asked for elsewhere than under `prefix` is 404, as another program's. */
export async function startPrefixProxy(target: string, prefix: string): Promise<PrefixProxy> {
  const server = http.createServer((request, response) => {
    const path = request.url?.startsWith(`${prefix}/`) && request.url.slice(prefix.length);
    if (!path) return void response.writeHead(404).end();
    const { method, headers } = request;
    const onward = http.request(target + path, { method, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    request.pipe(onward.on("error", () => response.destroy()));
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  const close = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}${prefix}`, close };
}
