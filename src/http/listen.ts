// Listening, and ending it without cutting a request off.
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";

import { SECOND } from "../kernel/duration.ts";
import { StartError } from "../kernel/errors.ts";

const REQUEST_TIMEOUT_MS = 30 * SECOND; // a body of 16 MiB over a slow line; longer is a client that holds sockets
const HEADERS_TIMEOUT_MS = 10 * SECOND;
const CLOSE_WITHIN_MS = 10 * SECOND;

export type Server = { address: AddressInfo; close(): Promise<void> };

/** Listens, or throws the StartError that says why it can't. */
export function listen(app: RequestListener, host: string, port: number): Promise<Server> {
  const server = createServer(
    { requestTimeout: REQUEST_TIMEOUT_MS, headersTimeout: HEADERS_TIMEOUT_MS },
    app,
  );
  return new Promise((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => reject(startError(error, host, port)));
    server.listen(port, host, () => {
      resolve({ address: server.address() as AddressInfo, close });
    });
  });

  function close(): Promise<void> {
    return new Promise((resolve) => {
      const cut = setTimeout(() => server.closeAllConnections(), CLOSE_WITHIN_MS);
      server.close(() => {
        clearTimeout(cut);
        resolve();
      });
      server.closeIdleConnections();
    });
  }
}

function startError(error: NodeJS.ErrnoException, host: string, port: number): StartError {
  switch (error.code) {
    case "EADDRINUSE":
      return new StartError(
        `PORT: ${port} on ${host} is in use; choose another, or 0 for any that is free`,
        { cause: error },
      );
    case "EACCES":
      return new StartError(
        `PORT: ${port} may not be listened on by this user; choose one above 1023`,
        { cause: error },
      );
    case "EADDRNOTAVAIL":
    case "ENOTFOUND":
      return new StartError(`HOST: ${host} is not an address of this machine`, { cause: error });
    default:
      return new StartError(`HOST, PORT: ${host}:${port} can't be listened on: ${error.message}`, {
        cause: error,
      });
  }
}
