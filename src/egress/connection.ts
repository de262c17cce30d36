// One connection to a receiver: an undici client of one socket, how far it has come, and who is on the other side.
import type { Socket } from "node:net";

import { Client, type Dispatcher } from "undici";

import { HOUR } from "../kernel/duration.ts";
import { createAnswerHead, type AnswerHead } from "./answer-head.ts";
import type { Dial } from "./dialer.ts";
import type { Phase } from "./failure.ts";

const IDLE_MS_MAX = HOUR; // undici's own timers are only exact to a second; `connections.ts` closes long before
const HEADER_BYTES_MAX = 16 * 1024; // as node's own, and more than any receiver needs

export type Outgoing = { path: string; headers: Record<string, unknown>; body: Buffer };

export type Connection = {
  readonly origin: string;
  phase: Phase;
  address: string | null;
  /** Whether the socket had carried a request before this one. */
  isReused: boolean;
  /** The head of this one's answer. */
  head: AnswerHead;
  /** How long the receiver promises to keep the socket, by its last answer. */
  announcedMs: number | null;
  /** Sends one request; the one before has to be over. */
  send(request: Outgoing, handler: Dispatcher.DispatchHandler): void;
  /** Whether another request may go over it: not where those that vouched for the receiver are no longer trusted. */
  isUsable(): boolean;
  /** Closes the socket, in whatever phase it is. */
  destroy(): void;
};

/** Creates a connection that is opened by its first request; `closed` is called when an open one has closed. */
export function createConnection(origin: string, dial: Dial, closed: () => void): Connection {
  let socket: Socket | undefined;
  let isTrusted = () => true;
  let giveUp: (() => void) | undefined;
  let isDestroyed = false;

  // Without timers of undici's own: the deadline of an attempt is over all its phases. One request at a time, and a
  // POST is never sent again by undici, so that what becomes of it is known.
  const client = new Client(origin, {
    connect: (target, callback) => {
      connection.isReused = false;
      socket = undefined;
      giveUp = dial(target, {
        step(phase, address) {
          connection.phase = phase;
          if (address !== undefined) connection.address = address;
        },
        ready(opened, isStillTrusted) {
          socket = opened;
          isTrusted = isStillTrusted;
          watchReads(opened);
          callback(null, opened);
        },
        failed(error) {
          if (socket === undefined) callback(error, null); // afterwards it is undici that hears of it
        },
      });
    },
    pipelining: 1,
    headersTimeout: 0,
    bodyTimeout: 0,
    keepAliveTimeout: IDLE_MS_MAX,
    keepAliveMaxTimeout: IDLE_MS_MAX,
    keepAliveTimeoutThreshold: 0,
    maxHeaderSize: HEADER_BYTES_MAX,
  });
  client.on("disconnect", closed);

  const connection: Connection = {
    origin,
    phase: "connect",
    address: null,
    isReused: false,
    head: createAnswerHead(),
    announcedMs: null,
    send({ path, headers, body }, handler) {
      connection.isReused = socket !== undefined;
      connection.head = createAnswerHead();
      client.dispatch({ method: "POST", path, headers: headers as never, body }, handler);
    },
    isUsable: () => socket?.destroyed === false && isTrusted(),
    destroy() {
      if (isDestroyed) return;
      isDestroyed = true;
      void client.destroy();
      giveUp?.(); // which undici knows only once it is connected
    },
  };

  function watchReads(to: Socket): void {
    const read = to.read.bind(to) as (size?: number) => Buffer | null;
    to.read = (size) => {
      for (;;) {
        const chunk = read(size);
        if (chunk === null) return null;
        const passed = connection.head.take(chunk);
        if (passed) return passed;
      }
    };
  }
  return connection;
}
