// A small zoo of receivers on loopback: what they do with a request, byte by byte.
import { once } from "node:events";
import http from "node:http";
import net, { type AddressInfo, type Socket } from "node:net";
import tls from "node:tls";
import { gzipSync } from "node:zlib";

export type Receiver = {
  url: string;
  port: number;
  /** Connections accepted so far, and those still open. */
  accepted: number;
  open: Set<Socket>;
  close(): Promise<void>;
};

export type Behaviour = (socket: Socket, request: Buffer) => void;

/** Starts a receiver that does as told with each chunk that arrives; with a certificate, over TLS. */
export function startReceiver(
  behave: Behaviour,
  certificate?: { key: string; cert: string },
): Promise<Receiver> {
  const onSocket = (socket: Socket) => socket.on("data", (chunk: Buffer) => behave(socket, chunk));
  const server = certificate ? tls.createServer(certificate, onSocket) : net.createServer(onSocket);
  return listen(server, certificate ? "https" : "http");
}

export type Received = { method: string; path: string; rawHeaders: string[]; body: Buffer };

/** Starts a well-behaved receiver that answers 200 `ok` and keeps what came. */
export async function startRecorder(): Promise<Receiver & { requests: Received[] }> {
  const requests: Received[] = [];
  const server = http.createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const { method = "", url: path = "", rawHeaders } = request;
    requests.push({ method, path, rawHeaders, body: Buffer.concat(chunks) });
    response.end("ok");
  });
  server.keepAliveTimeout = 60_000; // no test here is about this one's patience
  return Object.assign(await listen(server, "http"), { requests });
}

/** Resolves when every connection that is open now has closed, by a reset or otherwise. */
export async function allClosed({ open }: Receiver): Promise<void> {
  await Promise.all(
    [...open].map((socket) => new Promise((resolve) => socket.once("close", resolve))),
  );
}

/** Answers a whole response and keeps the connection. */
export const says =
  (
    status: string,
    headers: string[] = ["content-length: 0"],
    body: string | Buffer = "",
  ): Behaviour =>
  (socket) => {
    socket.write(`HTTP/1.1 ${status}\r\n${headers.map((each) => `${each}\r\n`).join("")}\r\n`);
    socket.write(body);
  };

const GZIP_BOMB = gzipSync(Buffer.alloc(50_000_000)); // 49 kB on the wire

/** Receivers that answer with a status, and then misbehave: what counts is the status. */
export const ANSWERING: Record<string, { status: number; behave: Behaviour }> = {
  "an endless body": { status: 200, behave: (s, r) => (says("200 OK", [])(s, r), flood(s, "x")) },
  "an endless chunked body": {
    status: 200,
    behave: (socket, request) => {
      says("200 OK", ["transfer-encoding: chunked"])(socket, request);
      flood(socket, "400\r\n" + "x".repeat(0x400) + "\r\n");
    },
  },
  "a trickled body": {
    status: 200,
    behave: (socket, request) => {
      says("200 OK", ["content-length: 1000"])(socket, request);
      every(20, socket, () => socket.write("x"));
    },
  },
  "a body that never comes": { status: 500, behave: says("500 No", ["content-length: 5"]) },
  "a body cut by a reset": {
    status: 200,
    behave: (socket) =>
      socket.write("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf", () =>
        socket.resetAndDestroy(),
      ),
  },
  "a body cut by a close": {
    status: 502,
    behave: (socket) => socket.end("HTTP/1.1 502 Bad\r\ncontent-length: 9\r\n\r\nhalf"),
  },
  "a gzip bomb": {
    status: 200,
    behave: says(
      "200 OK",
      ["content-encoding: gzip", `content-length: ${GZIP_BOMB.length}`],
      GZIP_BOMB,
    ),
  },
  "a chunk that is no chunk": {
    status: 200,
    behave: says("200 OK", ["transfer-encoding: chunked"], "zz\r\nhello\r\n"),
  },
  "binary with NULs": {
    status: 500,
    behave: says("500 No", ["content-length: 4"], Buffer.from([0x00, 0xff, 0x00, 0x1b])),
  },
  "101 with an upgrade": {
    status: 101,
    behave: says("101 Switching Protocols", ["upgrade: anything", "connection: upgrade"]),
  },
  "101 without an upgrade": { status: 101, behave: says("101 Switching Protocols", []) },
  "103, then 200": {
    status: 200,
    behave: (socket, request) => {
      says("103 Early Hints", ["link: </x>"])(socket, request);
      says("200 OK")(socket, request);
    },
  },
  "status 000": { status: 0, behave: says("000 Nothing") },
  "status 999": { status: 999, behave: says("999 Whatever") },
  "a redirect to inside": {
    status: 302,
    behave: says("302 Found", ["location: http://169.254.169.254/", "content-length: 0"]),
  },
  "204 with a body": { status: 204, behave: says("204 No Content", [], "surprise") },
};

/** Receivers that never get a status out. */
export const UNANSWERING: Record<string, { reason: "connect" | "timeout"; behave: Behaviour }> = {
  "silence after accept": { reason: "timeout", behave: () => {} },
  "a trickled header": {
    reason: "timeout",
    behave: (socket) => {
      socket.write("HTTP/1.1 200 OK\r\n");
      every(20, socket, () => socket.write("x-more: yes\r\n"));
    },
  },
  "100 and nothing more": { reason: "timeout", behave: says("100 Continue", []) },
  "a flood of 100s": {
    reason: "connect",
    behave: (socket) => flood(socket, "HTTP/1.1 100 Continue\r\n\r\n"),
  },
  "a flood of headers": {
    reason: "connect",
    behave: (socket) => {
      socket.write("HTTP/1.1 200 OK\r\n");
      flood(socket, `x-flood: ${"x".repeat(1_000)}\r\n`);
    },
  },
  "both framings at once": {
    reason: "connect",
    behave: says("200 OK", ["content-length: 5", "transfer-encoding: chunked"], "0\r\n\r\n"),
  },
  "two lengths": {
    reason: "connect",
    behave: says("200 OK", ["content-length: 5", "content-length: 6"], "hello"),
  },
  "something that is not HTTP": { reason: "connect", behave: (s) => flood(s, "SSH-2.0-no\r\n") },
  "a reset": { reason: "connect", behave: (socket) => void socket.resetAndDestroy() },
  "a close": { reason: "connect", behave: (socket) => void socket.end() },
  "half a status line, then a close": {
    reason: "connect",
    behave: (socket) => void socket.end("HTTP/1.1 2"),
  },
};

// Writes as fast as the other side reads, until it goes away.
function flood(socket: Socket, text: string): void {
  const block = text.repeat(Math.ceil(65_536 / text.length));
  const more = () => {
    while (!socket.destroyed && socket.write(block));
  };
  socket.on("drain", more);
  more();
}

function every(ms: number, socket: Socket, act: () => void): void {
  const timer = setInterval(act, ms);
  socket.once("close", () => clearInterval(timer));
}

async function listen(server: net.Server, scheme: string): Promise<Receiver> {
  const open = new Set<Socket>();
  const receiver = { url: "", port: 0, accepted: 0, open, close };
  server.on("connection", (socket: Socket) => {
    receiver.accepted++;
    open.add(socket);
    socket.on("error", () => {}); // the sender may cut at any time
    socket.once("close", () => open.delete(socket));
  });
  server.on("secureConnection", (socket: Socket) => socket.on("error", () => {}));
  server.on("tlsClientError", () => {});
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  receiver.port = (server.address() as AddressInfo).port;
  receiver.url = `${scheme}://127.0.0.1:${receiver.port}/`;
  async function close() {
    for (const socket of open) socket.destroy();
    server.close();
    await once(server, "close");
  }
  return receiver;
}
