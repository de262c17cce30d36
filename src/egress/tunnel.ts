// A way to a receiver through the operator's proxy, by CONNECT (RFC 9110 9.3.6), for http targets too.
import http from "node:http";
import https from "node:https";
import type { Socket } from "node:net";
import type { SecureContext } from "node:tls";

import { parseCidrs } from "./address.ts";
import { judgedLookup } from "./door.ts";
import { Refusal } from "./refusal.ts";
import type { Resolver } from "./resolver.ts";

// The operator named the proxy, wherever it stands.
const ANYWHERE = { allow: parseCidrs("0.0.0.0/0,::/0"), forbidden: () => [] };

export type TunnelOptions = {
  /** Its user name and password are the proxy's; they are in no error. */
  proxy: URL;
  resolver: Resolver;
  secureContext: SecureContext;
};

/** Asks the proxy for a connection to `authority` (host:port), and answers how to give up. */
export function openTunnel(
  authority: string,
  { proxy, resolver, secureContext }: TunnelOptions,
  opened: (socket: Socket) => void,
  failed: (error: Error) => void,
): { destroy(): void } {
  const isSecure = proxy.protocol === "https:";
  const port = Number(proxy.port) || (isSecure ? 443 : 80);
  const trust = { secureContext }; // which the types know of sockets only; https hands it on to its own
  const request = (isSecure ? https : http).request({
    ...trust,
    method: "CONNECT",
    host: proxy.hostname.replace(/^\[(.*)\]$/, "$1"),
    port,
    path: authority,
    headers: { host: authority, ...authorization(proxy) },
    agent: false,
    lookup: judgedLookup(port, ANYWHERE, resolver),
    rejectUnauthorized: true,
  });
  request.on("connect", ({ statusCode = 0 }, socket: Socket, head: Buffer) => {
    if (statusCode >= 200 && statusCode <= 299) {
      socket.setNoDelay(true);
      if (head.length > 0) socket.unshift(head);
      return opened(socket);
    }
    socket.destroy();
    failed(new Refusal("connect", `the proxy answered ${statusCode}${hintOf(statusCode)}`));
  });
  // A proxy has to answer CONNECT by a tunnel or a refusal; node hands both to the event above.
  request.on("upgrade", (_, socket) => {
    socket.destroy();
    failed(new Refusal("connect", "the proxy did not answer CONNECT as one has to"));
  });
  request.on("error", (error: NodeJS.ErrnoException) => {
    failed(new Refusal("connect", `the proxy can't be reached (${error.code ?? error.name})`));
  });
  request.end();
  return request;
}

function authorization({ username, password }: URL): { "proxy-authorization"?: string } {
  if (username === "" && password === "") return {};
  const credentials = [username, password].map(decodeURIComponent).join(":");
  return { "proxy-authorization": `Basic ${Buffer.from(credentials).toString("base64")}` };
}

function hintOf(status: number): string {
  return status === 407 ? ": check the user and password of POSTHORN_EGRESS_PROXY" : "";
}
