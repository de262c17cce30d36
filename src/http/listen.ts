// Listening, and ending it without cutting a request off.
import { createServer, type RequestListener } from "node:http";
import net, { type AddressInfo } from "node:net";

import { answerBelowExpress, demandingHost } from "./below-express.ts";
import { SECOND } from "../kernel/duration.ts";
import { StartError } from "../kernel/errors.ts";
import { messagesOf } from "./own-messages.ts";
import { cuttingUnread } from "./unread.ts";
import { readingUnwantedSlowly } from "./unwanted.ts";

const REQUEST_TIMEOUT_MS = 30 * SECOND; // a body of 16 MiB over a slow line; longer is a client that holds sockets
const HEADERS_TIMEOUT_MS = 10 * SECOND;
const UNREAD_MS = 30 * SECOND; // without a byte of an answer taken: a line that slow carries nothing else either
const DRAIN_WITHIN_MS = 10 * SECOND;
const LAST_ANSWERS_WITHIN_MS = 1 * SECOND; // nothing is done for them any more: they only have to go out
const IDLE_CHECK_MS = 100; // a kept connection becomes idle with its answer, and would stay

export type Server = {
  address: AddressInfo;
  url: string;
  /** Listens no more; resolves when all that was asked for is answered, or has had its time. */
  drain(): Promise<void>;
  /** The same, where that was not done yet; and cuts off who is there still. */
  close(): Promise<void>;
};

/** What the settings are called, for the error that names one. */
export type SettingNames = { host: string; port: string };
const SETTINGS: SettingNames = { host: "HOST", port: "PORT" };

/** Throws the StartError that `listen` would, before anything is done for whoever comes there. */
export async function probeAddress(host: string, port: number): Promise<void> {
  const probe = net.createServer((socket) => socket.destroy());
  await new Promise<void>((resolve, reject) => {
    probe.once("error", (error) => reject(startError(error, host, port, SETTINGS)));
    probe.listen(port, host, () => probe.close(() => resolve()));
  });
}

/** Listens, or throws the StartError that says why it can't. */
export function listen(
  app: RequestListener,
  host: string,
  port: number,
  names: SettingNames = SETTINGS,
  unreadMs = UNREAD_MS,
): Promise<Server> {
  const server = createServer(
    {
      ...messagesOf(app),
      requestTimeout: REQUEST_TIMEOUT_MS,
      headersTimeout: HEADERS_TIMEOUT_MS,
      requireHostHeader: false, // judged by demandingHost, in words
    },
    demandingHost(readingUnwantedSlowly(cuttingUnread(app, unreadMs))),
  );
  answerBelowExpress(server);
  return new Promise((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) =>
      reject(startError(error, host, port, names)),
    );
    server.listen(port, host, () => {
      const address = server.address() as AddressInfo;
      resolve({ address, url: urlOf(address), drain, close });
    });
  });

  async function drain(): Promise<void> {
    await ended(DRAIN_WITHIN_MS);
  }

  async function close(): Promise<void> {
    await ended(server.listening ? DRAIN_WITHIN_MS : LAST_ANSWERS_WITHIN_MS);
    server.closeAllConnections();
  }

  function ended(withinMs: number): Promise<void> {
    return new Promise((resolve) => {
      const idle = setInterval(() => server.closeIdleConnections(), IDLE_CHECK_MS);
      const over = setTimeout(end, withinMs);
      server.close(end);
      function end() {
        clearInterval(idle);
        clearTimeout(over);
        resolve();
      }
    });
  }
}

/** The URL of a listener. */
export function urlOf({ address, port }: Pick<AddressInfo, "address" | "port">): string {
  return `http://${address.includes(":") ? `[${address}]` : address}:${port}`;
}

function startError(
  error: NodeJS.ErrnoException,
  host: string,
  port: number,
  names: SettingNames,
): StartError {
  switch (error.code) {
    case "EADDRINUSE":
      return new StartError(
        `${names.port}: ${port} on ${host} is in use; choose another, or 0 for any that is free`,
        { cause: error },
      );
    case "EACCES":
      return new StartError(
        `${names.port}: ${port} may not be listened on by this user; choose one above 1023`,
        { cause: error },
      );
    case "EAI_AGAIN":
      return new StartError(`${names.host}: ${host} can't be looked up: no name server answers`, {
        cause: error,
      });
    case "EADDRNOTAVAIL":
    case "ENOTFOUND":
      return new StartError(`${names.host}: ${host} is not an address of this machine`, {
        cause: error,
      });
    default:
      return new StartError(
        `${names.host}, ${names.port}: ${host}:${port} can't be listened on: ${error.message}`,
        {
          cause: error,
        },
      );
  }
}
