// Bodies whose request has been answered before they came to their end.
import { once } from "node:events";
import net from "node:net";

import { afterEach, expect, test } from "@jest/globals";
import express from "express";

import { listen } from "../../src/http/listen.ts";

const MIB = 1024 * 1024;
const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

test("what is left of an answered request's body is read slowly, to its end, and the connection is of use again", async () => {
  const app = express().use((request, response) => {
    if (request.method === "GET") return void response.end("and the next");
    response.status(400).end("refused");
  });
  const server = await listen(app, "127.0.0.1", 0);
  cleanups.push(() => server.close());
  const socket = net.connect(server.address.port, "127.0.0.1");
  cleanups.push(() => socket.destroy());
  let answered = "";
  socket.on("data", (chunk) => (answered += String(chunk)));
  const bytes = 2 * MIB;
  socket.write(`POST / HTTP/1.1\r\nHost: x\r\nContent-Length: ${bytes}\r\n\r\n`);
  await once(socket, "data"); // at once, before any of the body has come
  expect(answered).toContain("refused");
  const startedAt = performance.now();
  socket.write(Buffer.alloc(bytes));
  socket.write("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  while (!answered.includes("and the next")) await once(socket, "data");
  expect(performance.now() - startedAt).toBeGreaterThan(300);
});
