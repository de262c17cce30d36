// Opens sockets to receivers: through the door, with certificates checked, and each step on the way reported.
import { connect as connectTcp, isIP, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";

import { SECOND } from "../kernel/duration.ts";
import type { AddressRules } from "./address.ts";
import type { AddressOrder } from "./address-order.ts";
import { judgedAddresses, judgedLookup, judgeLiteral } from "./door.ts";
import type { Phase } from "./failure.ts";
import type { Resolver } from "./resolver.ts";
import { createTrust } from "./trust.ts";
import { openTunnel } from "./tunnel.ts";

const always = () => true; // nobody vouches for who answers without TLS

const CONNECT_ATTEMPT_MS = SECOND; // of one address before the next is tried; node's 250 ms gives up on far continents

export type DialerOptions = AddressRules & {
  resolver: Resolver;
  /** Which of a name's addresses are tried first; as they were resolved, where absent. */
  order?: AddressOrder;
  /** Answers the PEM certificates of authorities that are trusted beside the well-known ones, asked at each connection. */
  ca?: (() => string) | undefined;
  /** A proxy that all goes through. Names are judged here all the same; which address they lead to is its decision. */
  proxy?: URL | null | undefined;
};

/** Where to, in the parts of a URL; `hostname` is an IPv6 address without its brackets. */
export type Target = { protocol: string; hostname: string; port: string };

export type Dialing = {
  /** Told of each phase that begins, and of who is on the other side once that is known. */
  step(phase: Phase, address?: string | null): void;
  /** A request can be written, for as long as those are trusted who vouched for the other side. */
  ready(socket: Socket, isTrusted: () => boolean): void;
  failed(error: Error): void;
};

/** Begins to open a socket, and answers how to give up. Throws a `Refusal` where a literal address may not be reached. */
export type Dial = (target: Target, dialing: Dialing) => () => void;

/** Creates what opens sockets. */
export function createDialer(options: DialerOptions): Dial {
  const { resolver, proxy } = options;
  const trust = createTrust(options.ca);

  function secure(target: Target, to: object, { ready, step, failed }: Dialing): Socket {
    const trusted = trust();
    const { secureContext, sessions } = trusted;
    const key = `${target.hostname}:${target.port}`;
    const session = sessions.take(key);
    const socket = connectTls({
      ...to,
      secureContext,
      ...(session && { session }),
      // RFC 6066 3: neither an address nor a dot at the end; certificates are still checked against `host`.
      servername: isIP(target.hostname) ? "" : target.hostname.replace(/\.$/, ""),
      ALPNProtocols: ["http/1.1"],
      // Said outright, so that NODE_TLS_REJECT_UNAUTHORIZED=0 does not turn checking off for everybody.
      rejectUnauthorized: true,
    });
    socket.on("session", (fresh) => sessions.add(key, fresh));
    socket.once("secureConnect", () => {
      step("answer");
      ready(socket, () => trust() === trusted);
    });
    socket.on("error", failed);
    return socket;
  }

  function dialDirectly(target: Target, port: number, dialing: Dialing) {
    const { step, ready, failed } = dialing;
    const isSecure = target.protocol === "https:";
    const to = {
      host: target.hostname,
      port,
      lookup: judgedLookup(port, options, resolver, options.order),
      autoSelectFamily: true,
      autoSelectFamilyAttemptTimeout: CONNECT_ATTEMPT_MS,
      noDelay: true,
    };
    const socket = isSecure ? secure(target, to, dialing) : connectTcp(to).on("error", failed);
    socket.once("lookup", () => step("connect"));
    socket.once("connect", () => {
      step("tls", socket.remoteAddress ?? null);
      if (isSecure) return;
      step("answer");
      ready(socket, always);
    });
    return () => void socket.destroy();
  }

  function dialThrough(via: URL, target: Target, port: number, dialing: Dialing) {
    const { step, ready, failed } = dialing;
    const { hostname } = target;
    let stage: { destroy(): void } | undefined;
    let isGivenUp = false;
    const opened = (socket: Socket) => {
      stage = socket;
      socket.on("error", failed);
      if (target.protocol === "https:") {
        step("tls");
        stage = secure(target, { socket, host: hostname }, dialing);
        return;
      }
      step("answer");
      ready(socket, always);
    };
    const judged = isIP(hostname)
      ? Promise.resolve([])
      : judgedAddresses(hostname, port, options, resolver);
    const ask = () => {
      if (isGivenUp) return;
      step("connect");
      const authority = `${hostname.includes(":") ? `[${hostname}]` : hostname}:${port}`;
      const { secureContext } = trust();
      stage = openTunnel(authority, { proxy: via, resolver, secureContext }, opened, failed);
    };
    judged.then(ask).catch(failed);
    return () => {
      isGivenUp = true;
      stage?.destroy();
    };
  }

  return (target, dialing) => {
    const { hostname, protocol } = target;
    const port = Number(target.port) || (protocol === "https:" ? 443 : 80);
    judgeLiteral(hostname, isIP(hostname), port, options);
    dialing.step(isIP(hostname) ? "connect" : "name", null);
    if (proxy) return dialThrough(proxy, target, port, dialing);
    return dialDirectly(target, port, dialing);
  };
}
