import { once } from "node:events";
import http from "node:http";
import type { AddressInfo } from "node:net";

import { expect, test } from "@jest/globals";

import { idleRoom } from "../../src/egress/idle-room.ts";
import { closing, HANG_MS, startEgress } from "../helpers/egress.ts";
import {
  allClosed,
  says,
  startReceiver,
  startRecorder,
  type Behaviour,
  type Receiver,
} from "../helpers/receivers.ts";

const ok = says("200 OK");

/** Answers the first request of the first connection, and does `then` with the second one on it. */
function secondTime(then: Behaviour, fresh: Behaviour = ok): Behaviour {
  const seen = new Map<object, number>();
  return (socket, request) => {
    const count = (seen.get(socket) ?? 0) + 1;
    seen.set(socket, count);
    const behave = seen.size > 1 ? fresh : count === 1 ? ok : then;
    behave(socket, request);
  };
}

/** Which of some receivers' connections closes first. */
const firstClosed = (receivers: Record<string, Receiver>) =>
  Promise.race(
    Object.entries(receivers).map(([name, receiver]) => allClosed(receiver).then(() => name)),
  );

test("requests to one receiver share a connection", async () => {
  const recorder = closing(await startRecorder());
  const { post } = startEgress();
  for (let i = 0; i < 5; i++) expect(await post(recorder.url)).toMatchObject({ status: 200 });
  expect(recorder.accepted).toBe(1);
});

test.each(["reset", "close"])(
  "a kept connection that the receiver ends by a %s at reuse is nobody's failure: the request goes out once more",
  async (how) => {
    const end: Behaviour = (socket) => (how === "reset" ? socket.resetAndDestroy() : socket.end());
    const receiver = closing(await startReceiver(secondTime(end)));
    const { post } = startEgress({ clock: () => 0 });
    expect(await post(receiver.url)).toMatchObject({ resentMs: null });
    const exchange = await post(receiver.url);
    expect(exchange).toMatchObject({ kind: "answered", status: 200, resentMs: 0 }); // so it is on record
    expect(receiver.accepted).toBe(2);
  },
);

test("a kept connection that is closed later than 250 ms after the request is a failure, and it went out once", async () => {
  let now = 0;
  const late: Behaviour = (socket) => {
    now += 251;
    socket.resetAndDestroy();
  };
  const receiver = closing(await startReceiver(secondTime(late)));
  const { post } = startEgress({ clock: () => now });
  await post(receiver.url);
  const exchange = await post(receiver.url);
  expect(exchange).toMatchObject({
    kind: "failed",
    error: "the receiver closed the connection without an answer",
    resentMs: null,
  });
  expect(receiver.accepted).toBe(1);
});

test("nothing goes out a second time unless another look allows it, and in time", async () => {
  const refusals = [
    () => Promise.resolve(false),
    () => Promise.reject(new Error("the database is away")),
    () => new Promise<boolean>(() => {}),
  ];
  for (const mayResend of refusals) {
    const end: Behaviour = (socket) => void socket.end();
    const receiver = closing(await startReceiver(secondTime(end)));
    const { post } = startEgress({ clock: () => 0 });
    await post(receiver.url);
    const exchange = await post(receiver.url, {}, mayResend);
    expect(exchange).toMatchObject({ kind: "failed", reason: "connect", resentMs: null });
    expect(receiver.accepted).toBe(1);
  }
});

test("what may not go out twice has a connection of its own", async () => {
  const recorder = closing(await startRecorder());
  const { egress, post } = startEgress();
  await post(recorder.url);
  const body = Buffer.from("{}");
  await egress.post({ url: recorder.url, headers: {}, body, timeoutMs: HANG_MS });
  expect(recorder.accepted).toBe(2);
});

test("that second try is the only one, and a failure of it counts", async () => {
  const reset: Behaviour = (socket) => void socket.resetAndDestroy();
  const receiver = closing(await startReceiver(secondTime(reset, reset)));
  const { post } = startEgress({ clock: () => 0 });
  await post(receiver.url);
  expect(await post(receiver.url)).toMatchObject({ kind: "failed", reason: "connect" });
  expect(receiver.accepted).toBe(2);
});

test("that second try stays within the first one's deadline", async () => {
  let now = 0;
  const reset: Behaviour = (socket) => {
    now += 200;
    socket.resetAndDestroy();
  };
  const receiver = closing(await startReceiver(secondTime(reset, () => {})));
  const { post } = startEgress({ clock: () => now });
  await post(receiver.url);
  const exchange = await post(receiver.url, { timeoutMs: 3_700 });
  const error = "no answer within 3500 ms"; // what the first has left
  expect(exchange).toMatchObject({ kind: "failed", reason: "timeout", error, resentMs: 200 });
  expect(receiver.accepted).toBe(2);
});

test("a reused connection that had begun to answer, or stays silent, is not tried again", async () => {
  const half: Behaviour = (socket) => void socket.end("HTTP/1.1 2");
  const cases = [
    [half, "connect"],
    [() => {}, "timeout"],
  ] as const;
  for (const [then, reason] of cases) {
    const receiver = closing(await startReceiver(secondTime(then)));
    const { post } = startEgress({ clock: () => 0 });
    await post(receiver.url);
    const timeoutMs = reason === "timeout" ? 300 : HANG_MS;
    expect(await post(receiver.url, { timeoutMs })).toMatchObject({ kind: "failed", reason });
    expect(receiver.accepted).toBe(1);
  }
});

test("a new connection that the receiver closes without an answer is not tried again", async () => {
  const receiver = closing(await startReceiver((socket) => void socket.resetAndDestroy()));
  await startEgress().post(receiver.url);
  expect(receiver.accepted).toBe(1);
});

test("an answer sent into an idle connection is not taken for the next request's", async () => {
  const twice: Behaviour = (socket, request) => {
    ok(socket, request);
    says("500 Unasked")(socket, request);
  };
  const receiver = closing(await startReceiver(twice));
  const { post } = startEgress();
  const statuses = [await post(receiver.url), await post(receiver.url)].map(
    (each) => each.kind === "answered" && each.status,
  );
  expect(statuses).toEqual([200, 200]);
});

test("a connection whose answer was cut is closed, not kept", async () => {
  const endless = says("200 OK", ["content-length: 1000000"], "x".repeat(100_000));
  const upgrade = says("101 Switching Protocols", ["upgrade: x", "connection: upgrade"]);
  for (const behave of [endless, upgrade]) {
    const receiver = closing(await startReceiver(behave));
    await startEgress().post(receiver.url);
    await allClosed(receiver);
  }
});

test("an idle connection is closed a second before its receiver was seen to do so, 4 s where nothing is known", async () => {
  let now = 0;
  const [receiver, unknown] = [closing(await startReceiver(ok)), closing(await startReceiver(ok))];
  const { post } = startEgress({ clock: () => now });
  await post(receiver.url);
  now += 1_600;
  for (const socket of receiver.open) socket.end();
  await allClosed(receiver);
  await post(unknown.url);
  await post(receiver.url);
  expect(await firstClosed({ receiver, unknown })).toBe("receiver");
});

test("an idle connection is closed after 4 s", async () => {
  const receiver = closing(await startReceiver(ok));
  const idleSince = performance.now();
  await startEgress().post(receiver.url);
  expect(receiver.open.size).toBe(1);
  await allClosed(receiver);
  expect(performance.now() - idleSince).toBeGreaterThan(3_500);
});

test("a receiver's own Keep-Alive timeout is honoured, a second early", async () => {
  const keeps = (s: number) => says("200 OK", ["content-length: 0", `keep-alive: timeout=${s}`]);
  const receiver = closing(await startReceiver(keeps(2)));
  const silent = closing(await startReceiver(ok)); // which is kept for 4 s
  const { post } = startEgress();
  await post(silent.url);
  await post(receiver.url);
  expect(await firstClosed({ receiver, silent })).toBe("receiver");
  const hasty = closing(await startReceiver(keeps(1)));
  await startEgress().post(hasty.url);
  await allClosed(hasty);
});

test("a thousand requests in flight to one receiver each have a connection and are answered", async () => {
  const waiting: http.ServerResponse[] = [];
  const server = http.createServer((_, response) => {
    if (waiting.push(response) === 1_000) for (const each of waiting) each.end();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  closing(server);
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  const { post } = startEgress();
  const all = Array.from({ length: 1_000 }, () => post(url));
  for (const exchange of await Promise.all(all)) expect(exchange).toMatchObject({ status: 200 });
});

test("a receiver that thinks for longer than that is waited for", async () => {
  const slow: Behaviour = (socket, request) => void setTimeout(() => ok(socket, request), 4_300);
  const receiver = closing(await startReceiver(slow));
  const exchange = await startEgress().post(receiver.url);
  expect(exchange).toMatchObject({ kind: "answered", status: 200 });
});

test("as many idle connections are kept as half of the files that may be open and a sixteenth of the memory allow, within a least and a most", () => {
  const limits = (files: string) =>
    `Limit  Soft Limit  Hard Limit  Units\nMax open files            ${files}               ${files}                files\n`;
  const GB = 2 ** 30;
  const room = (files: string, concurrency = 256, memory = 24 * GB) =>
    idleRoom(concurrency, limits(files), memory);
  expect([room("1024"), room("4096"), room("20000"), room("unlimited")]).toEqual([
    256, 1_792, 9_744, 10_000,
  ]);
  expect(room("4096", 2_000)).toBe(2_000);
  expect([room("unlimited", 256, GB / 4), room("unlimited", 256, 2 * GB)]).toEqual([256, 1_956]);
  expect(room("unlimited", 1_000, GB / 4)).toBe(1_000);
  expect(idleRoom(256, "")).toBe(256);
  expect(idleRoom(256)).toBeGreaterThanOrEqual(256);
});

test("no more idle connections are kept over all receivers than are allowed", async () => {
  // Holds every answer until all requests are in, so that each has a connection of its own.
  const names = 20;
  const perName = 20;
  let waiting: http.ServerResponse[] = [];
  const server = http.createServer((_, response) => {
    waiting.push(response);
    if (waiting.length < names * perName) return;
    for (const each of waiting) each.end("ok");
    waiting = [];
  });
  server.keepAliveTimeout = 60_000; // which is announced: none here is closed for being idle for long
  let open = 0;
  server.on("connection", (socket) => {
    open++;
    socket.once("close", () => open--);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  closing(server);
  const { port } = server.address() as { port: number };
  const { post } = startEgress({ idleMax: 256 });
  const toName = (name: number) => post(`http://n${name}.localhost:${port}/`);
  const all = Array.from({ length: names * perName }, (_, i) => toName(i % names));
  const statuses = (await Promise.all(all)).map((each) => each.kind === "answered" && each.status);
  expect(new Set(statuses)).toEqual(new Set([200]));
  const idleSince = performance.now();
  while (open > 256) await new Promise((resolve) => setImmediate(resolve));
  expect(performance.now() - idleSince).toBeLessThan(30_000);
  expect(open).toBeGreaterThan(200);
});

test("with one receiver in six more than there is room for, most requests go over a kept connection", async () => {
  const receiver = closing(await startRecorder());
  let seed = 1; // the minimal standard generator
  const random = () => (seed = (seed * 16_807) % 2_147_483_647) / 2_147_483_647;
  const { post } = startEgress({ idleMax: 50, random });
  const round = async () => {
    for (let name = 0; name < 60; name++) {
      const { kind } = await post(`http://n${name}.localhost:${receiver.port}/`);
      expect(kind).toBe("answered");
    }
  };
  await round();
  expect(receiver.accepted).toBe(60);
  for (let n = 0; n < 4; n++) await round();
  expect(receiver.accepted).toBeLessThan(60 + 4 * 30);
});
