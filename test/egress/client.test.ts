import { randomBytes } from "node:crypto";

import { expect, test } from "@jest/globals";

import { RESPONSE_BYTES_MAX } from "../../src/egress/exchange.ts";
import { until } from "../helpers/api.ts";
import { closing, HANG_MS, startEgress } from "../helpers/egress.ts";
import {
  ANSWERING,
  UNANSWERING,
  allClosed,
  says,
  startReceiver,
  startRecorder,
} from "../helpers/receivers.ts";

const IN_TIME_MS = HANG_MS / 2; // what is left in time ends well before a deadline that it does not know

test("a request goes out byte for byte, with its own headers and nothing surprising", async () => {
  const recorder = closing(await startRecorder());
  const body = Buffer.concat([Buffer.from('{"ü":"'), randomBytes(70_000), Buffer.from('"}')]);
  const headers = { "Content-Type": "application/json", "X-Own": "as given", "User-Agent": "us/1" };
  const exchange = await startEgress().post(`${recorder.url}path?q=1`, { headers, body });

  expect(exchange).toMatchObject({ kind: "answered", status: 200, address: "127.0.0.1" });
  const [request] = recorder.requests;
  expect(request).toMatchObject({ method: "POST", path: "/path?q=1" });
  expect(request?.body.equals(body)).toBe(true);
  const raw = request?.rawHeaders ?? [];
  const sent = Object.fromEntries(
    raw.flatMap((name, i) => (i % 2 ? [] : [[name.toLowerCase(), raw[i + 1]]])),
  ) as Record<string, string>;
  expect(sent).toEqual({
    "content-type": "application/json",
    "x-own": "as given",
    "user-agent": "us/1",
    "content-length": String(body.length),
    host: `127.0.0.1:${recorder.port}`,
    connection: "keep-alive",
  });
});

test.each(["/", "/?", "/hook?", "/hook?a=?&b=%20", "/%3F"])(
  "a URL goes out as it is, to its last sign: %s",
  async (path) => {
    const recorder = closing(await startRecorder());
    await startEgress().post(new URL(path, recorder.url).href, { headers: {}, body: Buffer.of() });
    expect(recorder.requests[0]).toMatchObject({ path });
  },
);

test("without a user-agent of ours none goes out", async () => {
  const recorder = closing(await startRecorder());
  await startEgress().post(recorder.url);
  expect(recorder.requests[0]?.rawHeaders.join().toLowerCase()).not.toContain("user-agent");
});

test("an answer's status, headers and first 16 KiB are kept", async () => {
  const behave = says(
    "418 Tea",
    ["x-one: 1", "set-cookie: a", "set-cookie: b", "content-length: 3"],
    "hot",
  );
  const receiver = closing(await startReceiver(behave));
  const exchange = await startEgress().post(receiver.url);
  const headers = { "x-one": "1", "set-cookie": "a, b", "content-length": "3" };
  expect(exchange).toMatchObject({
    kind: "answered",
    status: 418,
    headers,
    body: Buffer.from("hot"),
  });
});

describeEach("answers and then misbehaves", ANSWERING, async ({ status, behave }) => {
  const receiver = closing(await startReceiver(behave));
  const exchange = await startEgress().post(receiver.url);
  expect(exchange).toMatchObject({ kind: "answered", status, address: "127.0.0.1" });
  expect(exchange.durationMs).toBeLessThan(IN_TIME_MS);
  const kept = exchange.kind === "answered" ? exchange.body.length : Infinity;
  expect(kept).toBeLessThanOrEqual(RESPONSE_BYTES_MAX);
});

test("a 101 is recorded with its headers", async () => {
  const behave = says("101 Switching Protocols", ["upgrade: ws", "connection: upgrade"]);
  const receiver = closing(await startReceiver(behave));
  const exchange = await startEgress().post(receiver.url);
  expect(exchange).toMatchObject({ status: 101, headers: { upgrade: "ws" } });
});

test("a 100 that nobody asked for is passed by, alone, with others, or with the answer", async () => {
  const interim = "HTTP/1.1 100 Continue\r\n\r\n";
  const answer = "HTTP/1.1 200 OK\r\ncontent-length: 12\r\n\r\nHTTP/1.1 100";
  const hints = "HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n";
  const writings = [[interim + answer], [interim, answer], [hints + interim + interim, answer]];
  for (const writes of writings) {
    const receiver = closing(
      await startReceiver((socket) => {
        for (const text of writes) socket.write(text);
      }),
    );
    const exchange = await startEgress().post(receiver.url);
    expect(exchange).toMatchObject({ status: 200, body: Buffer.from("HTTP/1.1 100") });
  }
});

test("an answer is the same wherever it is cut into two pieces on the way", async () => {
  const whole =
    "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nx: 1\r\ncontent-length: 2\r\n\r\nok";
  for (let at = 1; at < whole.length; at++) {
    const receiver = closing(
      await startReceiver((socket) => {
        socket.setNoDelay(true);
        socket.write(whole.slice(0, at));
        setTimeout(() => socket.write(whole.slice(at)), 5);
      }),
    );
    const exchange = await startEgress().post(receiver.url);
    expect(exchange).toMatchObject({ status: 200, headers: { x: "1" }, body: Buffer.from("ok") });
  }
});

test("a length that is given twice is one, as browsers and curl have it; two different ones are none", async () => {
  const twice = [
    ["content-length: 2", "x: 1", "Content-Length: 2"],
    ["content-length: 2, 2", "x: 1"],
  ];
  for (const headers of twice) {
    const receiver = closing(await startReceiver(says("200 OK", headers, "ok")));
    const { post } = startEgress();
    for (let i = 0; i < 2; i++) {
      const exchange = await post(receiver.url);
      expect(exchange).toMatchObject({ status: 200, body: Buffer.from("ok") });
      expect(exchange).toMatchObject({ headers: { "content-length": "2", x: "1" } });
    }
    expect(receiver.accepted).toBe(1); // so its end was found
  }
});

test.each<[string, Buffer | string, RegExp]>([
  ["SSH", "SSH-2.0-OpenSSH_9.6\r\n", /does not speak HTTP/],
  ["TLS", Buffer.from([0x15, 3, 1, 0, 2, 2, 0x46]), /speaks TLS on this port: is its URL an https/],
  ["a status that is none", "HTTP/1.1 OK\r\n\r\n", /does not speak HTTP/],
  [
    "two lengths",
    "HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nhello",
    /the answer is not valid HTTP/,
  ],
  [
    "both framings",
    "HTTP/1.1 200 OK\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    /the answer is not valid HTTP: its length does not fit/,
  ],
  ["a head without its line ends", "HTTP/1.1 200 OK\nx: 1\n\n", /the answer is not valid HTTP/],
  ["a header without a name", "HTTP/1.1 200 OK\r\n: x\r\n\r\n", /the answer is not valid HTTP/],
])("%s where HTTP belongs is told in words, at once", async (_, answer, words) => {
  const receiver = closing(await startReceiver((socket) => void socket.write(answer)));
  const exchange = await startEgress().post(receiver.url);
  expect(exchange).toMatchObject({ reason: "connect", error: expect.stringMatching(words) });
  expect(exchange.durationMs).toBeLessThan(IN_TIME_MS);
});

test("plain HTTP where TLS belongs is told in words", async () => {
  const receiver = closing(await startReceiver(says("400 Bad Request")));
  const url = receiver.url.replace("http:", "https:");
  const exchange = await startEgress().post(url);
  expect(exchange).toMatchObject({
    reason: "tls",
    error: "the receiver does not speak TLS on this port: is its URL an http: one?",
  });
});

test("an endless body is left as soon as 16 KiB are read, not after the grace", async () => {
  const { behave } = ANSWERING["an endless body"]!;
  const receiver = closing(await startReceiver(behave));
  const halting = closing(await startReceiver(ANSWERING["a body that never comes"]!.behave));
  const { post } = startEgress();
  const ended: string[] = [];
  const graced = post(halting.url).finally(() => ended.push("after the grace"));
  const exchange = await post(receiver.url).finally(() => ended.push("at once"));
  await graced;
  expect(exchange).toMatchObject({ body: Buffer.alloc(RESPONSE_BYTES_MAX, "x") });
  expect(ended).toEqual(["at once", "after the grace"]);
  await allClosed(receiver);
});

describeEach("never gets a status out", UNANSWERING, async ({ reason, behave }) => {
  const receiver = closing(await startReceiver(behave));
  // Of those that end by it, it leaves a busy machine time to connect.
  const timeoutMs = reason === "timeout" ? 3_500 : HANG_MS;
  const exchange = await startEgress().post(receiver.url, { timeoutMs });
  expect(exchange).toMatchObject({ kind: "failed", reason, address: "127.0.0.1" });
  expect(exchange.durationMs).toBeLessThan(IN_TIME_MS);
  await allClosed(receiver); // nothing is left behind
});

test("a deadline that passes while the body comes still keeps the status", async () => {
  const receiver = closing(await startReceiver(says("200 OK", ["content-length: 9"], "half")));
  const { post } = startEgress();
  // Shorter than the grace that a body has; where a busy machine is not so far that the status is in, once more.
  const exchange = await until(
    () => post(receiver.url, { timeoutMs: 500 }),
    ({ kind }) => kind === "answered",
  );
  expect(exchange).toMatchObject({ kind: "answered", status: 200, body: Buffer.from("half") });
  expect(exchange.durationMs).toBeLessThan(IN_TIME_MS);
});

test("a receiver that does not read a large body is left at the deadline", async () => {
  const receiver = closing(await startReceiver((socket) => socket.pause()));
  const exchange = await startEgress().post(receiver.url, {
    body: Buffer.alloc(20_000_000),
    timeoutMs: 300,
  });
  expect(exchange).toMatchObject({ kind: "failed", reason: "timeout" });
});

test("a refused connection is a failure to connect, with the address", async () => {
  const receiver = await startReceiver(() => {});
  await receiver.close();
  const exchange = await startEgress().post(receiver.url);
  expect(exchange).toMatchObject({
    kind: "failed",
    reason: "connect",
    error: "the connection was refused",
    address: "127.0.0.1",
  });
});

test("no error holds a header's value or the body", async () => {
  const receiver = closing(await startReceiver((socket) => void socket.resetAndDestroy()));
  const { post } = startEgress();
  const body = Buffer.from("canary");
  const exchanges = [
    await post(receiver.url, { body, headers: { "x-key": "canary" } }),
    await post(receiver.url, { body, headers: { "x-key": "canary\r\n" } }),
    await post(receiver.url, { body, headers: { "x-key": "canary \u0100" } }),
    await post("http://canary:canary@127.0.0.1/", { body }),
  ];
  const reasons = exchanges.map((each) => each.kind === "failed" && each.reason);
  expect(reasons).toEqual(["connect", "policy", "policy", "policy"]);
  expect(JSON.stringify(exchanges)).not.toContain("canary");
});

test("closing ends what is in flight and every socket, and nothing is sent afterwards", async () => {
  const recorder = closing(await startRecorder());
  let onRequest = () => {};
  const arrived = new Promise<void>((resolve) => (onRequest = resolve));
  const silent = closing(await startReceiver(() => onRequest()));
  const { egress, post } = startEgress();
  await post(recorder.url);
  const pending = post(silent.url);
  await arrived;
  let isSettled = false;
  void pending.then(() => (isSettled = true));
  await egress.close();
  expect(isSettled).toBe(true);

  const stopping = { kind: "failed", reason: "connect", error: "the service is stopping" };
  expect(await pending).toMatchObject(stopping);
  expect(await post(recorder.url)).toMatchObject(stopping);
  expect(recorder.requests).toHaveLength(1);
  await Promise.all([allClosed(recorder), allClosed(silent)]);
});

function describeEach<T>(what: string, zoo: Record<string, T>, run: (one: T) => Promise<void>) {
  const names = Object.keys(zoo);
  test.each(names)(`%s: a receiver that ${what} is left in time, as a value`, async (name) => {
    await run(zoo[name] as T);
  });
}
