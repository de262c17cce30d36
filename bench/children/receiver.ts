// The receiver, in a process of its own: checks each signature, counts each delivery once, and times what says when
// it was meant to be published. On bare sockets, because node:http would take a core from those who are measured.
import { createHmac } from "node:crypto";
import { readFileSync } from "node:fs";
import net, { type AddressInfo, type Socket } from "node:net";
import tls from "node:tls";

import { nowMs } from "../clock.ts";
import type { Answer, Question, Timed } from "../receiver.ts";
import { percentiles, type Percentiles } from "../report.ts";

const HEAD_END = Buffer.from("\r\n\r\n");
const OK = Buffer.from(
  "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Type: text/plain\r\n\r\nok",
);

const [key = "", keyFile, certFile] = process.argv.slice(2);
let seen = new Set<string>();
let latencies: [path: string, ms: number][] = [];
let requests = 0;
let forged = 0;
let firstAt = 0;
let lastAt = 0;
let lastNewPathAt = 0;
let paths = new Set<string>();
let resetAt = 0;
let delayMs = 0;
const open = new Map<string, number>(); // requests that wait for their answer, by path
const mostOpen = new Map<string, number>();
let silent = new Set<string>(); // paths that get no answer
let cut = new Set<string>(); // paths whose connection is closed: the next has to look the name up again

function receive(socket: Socket): void {
  let rest: Buffer = Buffer.alloc(0);
  socket.setNoDelay(true);
  socket.on("error", () => socket.destroy());
  socket.on("data", (chunk) => {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    for (;;) {
      const end = rest.indexOf(HEAD_END);
      if (end < 0) return;
      const head = rest.toString("latin1", 0, end);
      const length = Number(/\r\ncontent-length: *(\d+)/i.exec(head)?.[1] ?? 0);
      if (rest.length < end + 4 + length) return;
      const path = head.slice(head.indexOf(" ") + 2, head.indexOf(" ", 6));
      take(socket, path, head, rest.subarray(end + 4, end + 4 + length));
      rest = rest.subarray(end + 4 + length);
    }
  });
}

function take(socket: Socket, path: string, head: string, body: Buffer): void {
  if (cut.has(path)) return void socket.destroy();
  if (silent.has(path)) return;
  const signature = /\r\nx-airy-content-signature: *([0-9a-f]+)/i.exec(head)?.[1];
  if (createHmac("sha256", key).update(body).digest("hex") !== signature) forged++;
  requests++;
  seen.add(`${path} ${/\r\nwebhook-id: *([^\r]+)/i.exec(head)?.[1]}`);
  lastAt = nowMs();
  firstAt ||= lastAt;
  if (!paths.has(path)) {
    paths.add(path);
    lastNewPathAt = lastAt;
  }
  const at = body.indexOf('"intended":');
  if (at >= 0) {
    const intended = Number.parseFloat(body.toString("latin1", at + 11, at + 31));
    if (intended >= resetAt) latencies.push([path, lastAt - intended]); // or it is a straggler of the run before
  }
  if (delayMs === 0) socket.write(OK);
  else answerLater(socket, path);
}

function answerLater(socket: Socket, path: string): void {
  const count = (open.get(path) ?? 0) + 1;
  open.set(path, count);
  mostOpen.set(path, Math.max(count, mostOpen.get(path) ?? 0));
  setTimeout(() => {
    open.set(path, (open.get(path) ?? 1) - 1);
    if (!socket.destroyed) socket.write(OK);
  }, delayMs);
}

process.on("message", (question: Question) => {
  if (question.ask === "reset") {
    seen = new Set();
    paths = new Set();
    firstAt = 0;
    latencies = [];
    requests = forged = 0;
    mostOpen.clear();
    resetAt = nowMs();
  }
  if (question.ask === "behave") {
    delayMs = question.delayMs ?? 0;
    silent = new Set(question.silent);
    cut = new Set(question.cut);
  }
  const counts = {
    requests,
    unique: seen.size,
    forged,
    firstAt,
    lastAt,
    lastNewPathAt,
    mostOpen: [...mostOpen.values()],
  };
  const timed = question.ask === "latencies" ? timedOf(question) : null;
  const answer: Answer = { ...counts, at: nowMs(), timed };
  process.send?.(answer);
});
process.on("disconnect", () => process.exit());

function timedOf({ paths, expected = 0 }: Timed): Percentiles {
  const wanted = paths && new Set(paths);
  const ms = latencies.filter(([path]) => wanted?.has(path) ?? true).map((latency) => latency[1]);
  const missing = Math.max(0, expected - ms.length);
  return percentiles([...ms, ...Array.from({ length: missing }, () => Infinity)]);
}

const plain = net.createServer(receive).listen({ port: 0, host: "127.0.0.1", backlog: 4_096 });
const secure = tls
  .createServer({ key: readFileSync(keyFile ?? ""), cert: readFileSync(certFile ?? "") }, receive)
  .on("tlsClientError", () => {})
  .listen({ port: 0, host: "127.0.0.1", backlog: 4_096 });
let listening = 0;
const tell = () => {
  if (++listening < 2) return;
  const [port, securePort] = [plain, secure].map(
    (server) => (server.address() as AddressInfo).port,
  );
  process.send?.({ port, securePort });
};
plain.once("listening", tell);
secure.once("listening", tell);
