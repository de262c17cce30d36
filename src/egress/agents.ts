// Keep-alive agents whose connections go through the door, and whose idle sockets are few and short-lived.
import http from "node:http";
import https from "node:https";
import { isIP } from "node:net";
import type { Duplex } from "node:stream";
import { createSecureContext, rootCertificates } from "node:tls";

import { SECOND } from "../kernel/duration.ts";
import type { AddressRules } from "./address.ts";
import { judgedLookup, judgeLiteral } from "./door.ts";
import { Refusal } from "./refusal.ts";
import type { Resolver } from "./resolver.ts";

const IDLE_MS_MAX = 4 * SECOND; // below the 5 s after which node and Apache close: fewer sockets closed at reuse
// Over all receivers, one per slot of the default concurrency; not fewer for each, since many webhooks may lead to one host.
const IDLE_SOCKETS_MAX = 256;
const CONNECT_ATTEMPT_MS = SECOND; // of one address before the next is tried; node's 250 ms gives up on far continents

/** In the form that got takes, which allows no other member. */
export type Agents = { http: http.Agent; https: https.Agent };

export type AgentsOptions = AddressRules & {
  resolver: Resolver;
  /** PEM certificates of authorities that are trusted beside the well-known ones. */
  ca?: string | undefined;
  keepAlive: boolean;
};

/** Creates a pair of agents: HTTP and HTTPS. */
export function createAgents(options: AgentsOptions): Agents {
  const shared = {
    keepAlive: options.keepAlive,
    timeout: IDLE_MS_MAX, // node applies it to idle sockets; a busy one is ended by its request's deadline
    maxFreeSockets: IDLE_SOCKETS_MAX,
    autoSelectFamilyAttemptTimeout: CONNECT_ATTEMPT_MS,
  };
  const trust = options.ca && {
    secureContext: createSecureContext({ ca: [...rootCertificates, options.ca] }),
  };
  const agents = {
    http: new http.Agent(shared),
    // Said outright, so that NODE_TLS_REJECT_UNAUTHORIZED=0 does not turn checking off for everybody.
    https: new https.Agent({ ...shared, ...trust, rejectUnauthorized: true }),
  };
  for (const agent of [agents.http, agents.https]) {
    guard(agent, options);
    boundIdle(agent);
  }
  return agents;
}

/** Closes every socket of the agents, in use or idle. */
export function destroyAgents(agents: Agents): void {
  agents.http.destroy();
  agents.https.destroy();
}

// Replaces the agent's way to connect by one through the door.
function guard(agent: http.Agent, options: AgentsOptions): void {
  const connect = agent.createConnection.bind(agent);
  agent.createConnection = (request, callback) => {
    const host = request.host ?? "localhost";
    const port = Number(request.port);
    if (request.path) throw new Refusal("policy", "a socket file may not be reached");
    judgeLiteral(host, isIP(host), port, options);
    return connect({ ...request, lookup: judgedLookup(port, options, options.resolver) }, callback);
  };
}

// Closes the socket that has been idle longest where there would be too many; node bounds them per receiver only.
function boundIdle(agent: http.Agent): void {
  const idle = new Set<Duplex>();
  const keep = agent.keepSocketAlive.bind(agent) as (socket: Duplex) => boolean;
  const reuse = agent.reuseSocket.bind(agent);
  function forget(this: Duplex) {
    idle.delete(this);
  }
  agent.keepSocketAlive = (socket): boolean => {
    if (!keep(socket)) return false;
    for (const longest of idle) {
      if (idle.size < IDLE_SOCKETS_MAX) break;
      idle.delete(longest);
      longest.destroy();
    }
    idle.add(socket);
    socket.once("close", forget);
    return true;
  };
  agent.reuseSocket = (socket, request) => {
    idle.delete(socket);
    socket.off("close", forget);
    reuse(socket, request);
  };
}
