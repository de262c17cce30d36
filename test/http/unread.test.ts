// Answers that nobody reads.
import { randomBytes } from "node:crypto";
import { EventEmitter, once } from "node:events";
import net from "node:net";

import { afterAll, afterEach, beforeAll, describe, expect, test } from "@jest/globals";
import express, { type Response } from "express";
import pg from "pg";

import { answerJson } from "../../src/http/answer.ts";
import { listen, type Server } from "../../src/http/listen.ts";
import { createOpenAnswers } from "../../src/http/open-answers.ts";
import { caller, until } from "../helpers/api.ts";
import { arrayBufferBytes } from "../helpers/memory.ts";
import { startTestService, type TestService } from "../helpers/service.ts";

const MIB = 1024 * 1024;
const UNREAD_MS = 400;
const LARGE = "x".repeat(48 * MIB); // more than the kernel holds for both sides

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function serve(
  answer: (response: Response) => unknown,
  unreadMs = UNREAD_MS,
): Promise<Server> {
  const app = express().use((_request, response) => void answer(response));
  const server = await listen(app, "127.0.0.1", 0, undefined, unreadMs);
  cleanups.push(() => server.close());
  return server;
}

/** A client that asks, and does not read. */
async function ask(port: number, ...lines: string[]): Promise<net.Socket> {
  const socket = net.connect(port, "127.0.0.1").pause();
  cleanups.push(() => socket.destroy());
  socket.on("error", () => {});
  await once(socket, "connect");
  socket.write([...lines, "Host: x", "", ""].join("\r\n"));
  return socket;
}

describe("a connection whose answer nobody reads is cut off", () => {
  test("when nothing of it has moved for that long, whatever its client sends", async () => {
    let answered = (_response: Response) => {};
    const response = new Promise<Response>((resolve) => (answered = resolve));
    const { address } = await serve((made) => answered(made.end(LARGE)));
    const socket = await ask(address.port, "GET / HTTP/1.1");
    const trickle = setInterval(() => socket.write("G"), UNREAD_MS / 4);
    cleanups.push(() => clearInterval(trickle));
    await once(await response, "close");
    let bytes = 0;
    socket.on("data", (chunk: Buffer) => (bytes += chunk.length));
    await once(socket.resume(), "close");
    expect(bytes).toBeLessThan(LARGE.length);
  });

  test("when it is compressed, too", async () => {
    const noise = randomBytes(24 * MIB).toString("hex"); // its half is what the kernel can't hold
    let answered = (_response: Response) => {};
    const response = new Promise<Response>((resolve) => (answered = resolve));
    const { address } = await serve((made) => {
      answered(made);
      return answerJson(made, { noise }, { mayBeCoded: true });
    });
    await ask(address.port, "GET / HTTP/1.1", "Accept-Encoding: br");
    const cut = await response;
    await once(cut, "close");
    expect([cut.get("content-encoding"), cut.writableFinished]).toEqual(["br", false]);
  });

  test("but not while it is read, however slowly", async () => {
    const unreadMs = 4_000; // a reader on a busy machine must not be slower than that
    const { address } = await serve((response) => response.end(LARGE), unreadMs);
    const socket = await ask(address.port, "GET / HTTP/1.1");
    let bytes = 0;
    const slowly = setInterval(() => {
      bytes += (socket.read(MIB) as Buffer | null)?.length ?? 0;
    }, unreadMs / 10);
    cleanups.push(() => clearInterval(slowly));
    socket.on("readable", () => {});
    const startedAt = performance.now();
    while (performance.now() - startedAt < 2.5 * unreadMs || bytes === 0)
      await new Promise((resolve) => setTimeout(resolve, unreadMs / 10));
    expect([socket.readableEnded, bytes < LARGE.length]).toEqual([false, true]);
    clearInterval(slowly);
    socket.removeAllListeners("readable");
    socket.on("data", (chunk: Buffer) => (bytes += chunk.length));
    while (bytes < LARGE.length) await once(socket, "data"); // all of it comes
  });

  test("nor while the answer is still being made", async () => {
    const { url } = await serve((response) =>
      setTimeout(() => response.end("made"), 2 * UNREAD_MS),
    );
    expect(await (await fetch(url)).text()).toBe("made");
  });
});

describe("the open answers of a key", () => {
  let service: TestService;
  beforeAll(async () => {
    service = await startTestService({}, { role: "api" });
    const client = new pg.Client({ connectionString: service.databaseUrl });
    await client.connect();
    await client.query(
      "select posthorn.publish('message.created', to_json(repeat('x', 250000))) from generate_series(1, 40)",
    );
    await client.end();
  });
  afterAll(() => service.stop());

  test("are four at most: the others are not made before one is read or its reader gone, and other keys don't wait", async () => {
    const post = caller(service);
    const makeKey = async (name: string) =>
      (await post("keys.create", { name, scope: "read" })).body.key as string;
    const [hostile, other] = [await makeKey("hostile"), await makeKey("other")];
    const port = Number(new URL(service.url).port);
    const input = encodeURIComponent('{"page_size":200,"with_payload":true}');
    const sockets = [];
    for (let n = 0; n < 20; n++) {
      const line = `GET /trpc/events.list?input=${input} HTTP/1.1`;
      sockets.push(await ask(port, line, `X-API-Key: ${hostile}`));
    }
    const list = (key: string) => caller({ ...service, adminKey: key })("events.list");
    const ofHostile = list(hostile).then(({ status }) => status); // behind the twenty
    const before = arrayBufferBytes();
    for (let n = 0; n < 20; n++) expect((await list(other)).status).toBe(200);
    await until(
      () => Promise.resolve(arrayBufferBytes() - before),
      (bytes) => bytes < 40 * MIB, // four of 4 MiB, and what the tests need
    );
    for (const socket of sockets) socket.destroy();
    expect(await ofHostile).toBe(200);
  });

  test("that are too many are refused at once, and those whose turn does not come are not made", async () => {
    const openAnswer = createOpenAnswers();
    const open = () => Object.assign(new EventEmitter(), { closed: false }) as unknown as Response;
    const responses = Array.from({ length: 1_000 }, open);
    const opened = responses.map((response) => openAnswer("key", true, response));
    await Promise.all(opened.slice(0, 4));
    await expect(openAnswer("key", true, open())).rejects.toMatchObject({ code: "rate_limited" });
    await openAnswer("another", true, open());
    responses[4] = Object.assign(responses[4] as Response, { closed: true });
    responses[0]?.emit("close");
    await expect(opened[4]).rejects.toMatchObject({ code: "rate_limited" });
    await Promise.all(opened.slice(5, 6));
    for (const [index, response] of responses.entries()) {
      Object.assign(response, { closed: true });
      response.emit("close");
      await opened[index]?.catch(() => {});
    }
  });
});
