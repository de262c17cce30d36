// The receiver of the benchmarks, in a process of its own: answers 200 and counts what arrives, each id once.
import http from "node:http";
import type { AddressInfo } from "node:net";

const seen = new Set<string>();
let requests = 0;
let goal = Number.POSITIVE_INFINITY;

const server = http.createServer((request, response) => {
  request.resume().on("end", () => {
    response.end("ok");
    requests += 1;
    seen.add(String(request.headers["webhook-id"]));
    if (seen.size === goal)
      process.send?.({ kind: "arrived", at: Date.now(), unique: seen.size, requests });
  });
});

process.on("message", (message: { expect: number }) => {
  goal = message.expect;
  requests = 0;
  seen.clear();
  process.send?.({ kind: "counting" });
});

server.listen(0, "127.0.0.1", () => {
  process.send?.({ kind: "listening", port: (server.address() as AddressInfo).port });
});
