// How far a request's connection has come: which phase a failure belongs to, and who is on the other side.
import type { ClientRequest } from "node:http";
import { isIP, type Socket } from "node:net";

import type { Request } from "got";

import type { Phase } from "./failure.ts";
import { hostOf } from "./url.ts";

export type Connection = {
  phase: Phase;
  address: string | null;
  /** Says whether the socket had been used before and has brought nothing since. */
  isUnanswered(): boolean;
};

/** Watches the connection of a request that got has just begun. */
export function watchConnection(request: Request): Connection {
  let reusedSocket: Socket | undefined;
  let bytesReadBefore = 0;
  const url = request.options.url as URL;
  const connection: Connection = {
    phase: isIP(hostOf(url)) ? "connect" : "name",
    address: null,
    isUnanswered: () => reusedSocket !== undefined && reusedSocket.bytesRead === bytesReadBefore,
  };

  function established(socket: Socket): void {
    connection.phase = "answer";
    connection.address = socket.remoteAddress ?? null;
  }

  request.on("request", (native: ClientRequest) => {
    native.on("socket", (socket) => {
      if (native.reusedSocket) {
        reusedSocket = socket;
        bytesReadBefore = socket.bytesRead;
        return established(socket);
      }
      socket.once("lookup", () => (connection.phase = "connect"));
      socket.once("connect", () => {
        established(socket);
        if (url.protocol === "https:") connection.phase = "tls";
      });
      socket.once("secureConnect", () => (connection.phase = "answer"));
    });
  });
  return connection;
}
