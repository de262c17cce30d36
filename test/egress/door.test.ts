import { once } from "node:events";
import http from "node:http";

import { expect, test } from "@jest/globals";

import { parseCidrs } from "../../src/egress/address.ts";
import { createDialer } from "../../src/egress/dialer.ts";
import { createResolver } from "../../src/egress/resolver.ts";
import type { EgressOptions } from "../../src/egress/client.ts";
import { startDnsServer, type DnsAnswer } from "../helpers/dns-server.ts";
import { closing, HANG_MS, startEgress } from "../helpers/egress.ts";
import { says, startReceiver, startRecorder, type Behaviour } from "../helpers/receivers.ts";

/** An egress whose names are answered by `answer`, and a receiver that names are to lead to. */
async function start(answer: () => DnsAnswer, options: Partial<EgressOptions> = {}) {
  let aheadMs = 0;
  const clock = () => performance.now() + aheadMs;
  const receiver = closing(await startRecorder());
  const dns = closing(await startDnsServer(answer));
  const resolver = createResolver({
    clock,
    servers: [dns.address],
    hostsFile: "/nonexistent",
    lookupMsMax: HANG_MS,
  });
  const { post } = startEgress({ clock, resolver, ...options });
  const url = `http://receiver.example:${receiver.port}/`;
  return { post, receiver, dns, url, advance: (ms: number) => (aheadMs += ms) };
}

test("a name that resolves to an allowed address is reached there, under its own name", async () => {
  const { post, receiver, url } = await start(() => ["127.0.0.1"]);
  expect(await post(url)).toMatchObject({ kind: "answered", status: 200, address: "127.0.0.1" });
  expect(receiver.requests[0]?.rawHeaders).toContain(`receiver.example:${receiver.port}`);
});

test.each([
  ["private", ["10.0.0.1"]],
  ["the cloud's metadata", ["169.254.169.254"]],
  ["unspecified", ["0.0.0.0"]],
  ["private IPv6", ["fd00::1"]],
  ["IPv4 mapped into IPv6", ["::ffff:10.0.0.1"]],
  ["NAT64 of a private one", ["64:ff9b::a00:1"]],
  ["good and bad at once", ["127.0.0.1", "10.0.0.1"]],
  ["good IPv4 and bad IPv6", ["127.0.0.1", "fd00::1"]],
])("a name whose addresses are %s is refused before any connection", async (_, addresses) => {
  const { post, receiver, url } = await start(() => addresses);
  const exchange = await post(url);
  expect(exchange).toMatchObject({ kind: "failed", reason: "policy", address: null });
  expect(receiver.accepted).toBe(0);
});

test("a name of IPv4 alone is reached on a network whose DNS64 adds an address to it", async () => {
  const { post, url } = await start(() => ["127.0.0.1", "64:ff9b::7f00:1"]);
  expect(await post(url)).toMatchObject({ kind: "answered", address: "127.0.0.1" });
});

test.each<[string, Behaviour]>([
  ["resets", (socket) => void socket.resetAndDestroy()],
  ["is silent", () => {}],
  ["does not speak HTTP", (socket) => void socket.write("SSH-2.0-no\r\n")],
])("a retry tries another address of a name whose first one accepts and %s", async (_, behave) => {
  const { post, url, receiver } = await start(() => ["127.0.0.1", "::1"]);
  const bad = closing(await startReceiver(behave));
  // The good one of both is on the same port of the other address.
  const good = http.createServer((_request, response) => response.end("ok"));
  closing(good.listen(bad.port, "::1"));
  await once(good, "listening");
  const both = url.replace(String(receiver.port), String(bad.port));
  const tries = [];
  for (const timeoutMs of [3_500, HANG_MS, HANG_MS, HANG_MS])
    tries.push(await post(both, { timeoutMs }));
  expect(tries.map(({ kind }) => kind)).toEqual(["failed", "answered", "answered", "answered"]);
  expect(tries.map(({ address }) => address)).toEqual(["127.0.0.1", "::1", "::1", "::1"]);
});

test("a refusal does not tell which address a name has inside", async () => {
  const { post, url } = await start(() => ["10.11.12.13"]);
  const exchange = await post(url);
  expect(exchange).toMatchObject({ error: expect.stringMatching(/resolves to a private address/) });
  expect(JSON.stringify(exchange)).not.toContain("10.11");
});

test("a name that answers public first and private later is asked once per connection, and refused later", async () => {
  let answer = ["127.0.0.1"];
  const { post, receiver, dns, url, advance } = await start(() => {
    const now = answer;
    if (dnsAskedForBoth()) answer = ["10.0.0.1"];
    return now;
  });
  function dnsAskedForBoth(): boolean {
    return dns.questions.length >= 2;
  }
  expect(await post(url)).toMatchObject({ kind: "answered", status: 200 });
  expect(dns.questions).toHaveLength(2);
  for (const socket of receiver.open) socket.destroy();
  advance(10_000); // past what the resolver remembers
  expect(await post(url)).toMatchObject({ kind: "failed", reason: "policy" });
  expect(receiver.requests).toHaveLength(1);
});

test("the service's own listener is not reached by a name for it", async () => {
  const own: { address: string; port: number }[] = [];
  const { post, receiver, url } = await start(() => ["127.0.0.1"], { forbidden: () => own });
  own.push({ address: "0.0.0.0", port: receiver.port });
  const urls = [url, receiver.url, `http://localhost:${receiver.port}/`];
  for (const each of urls)
    expect(await post(each)).toMatchObject({ kind: "failed", reason: "policy" });
  expect(receiver.accepted).toBe(0);
});

test("localhost names lead to loopback without a question to DNS", async () => {
  const { post, receiver, dns } = await start(() => ["10.0.0.1"]);
  for (const name of ["localhost", "localhost.", "a.localhost"]) {
    const exchange = await post(`http://${name}:${receiver.port}/`);
    expect(exchange).toMatchObject({ kind: "answered", address: "127.0.0.1" });
  }
  expect(dns.questions).toEqual([]);
});

test.each([
  ["unknown name", "the name has no address"],
  ["silence", "the name was not resolved within 300 ms"],
] as const)("%j from DNS fails as dns, within the deadline", async (answer, error) => {
  const { post, url } = await start(() => answer);
  const exchange = await post(url, { timeoutMs: 300 });
  expect(exchange).toMatchObject({ kind: "failed", reason: "dns", error, address: null });
  expect(exchange.durationMs).toBeLessThan(HANG_MS / 2); // a lookup alone may take longer
});

test("a URL stored before the rules were tightened is judged again at every send", async () => {
  const { post, receiver } = await start(() => ["127.0.0.1"]);
  const refused = [
    await post("http://10.0.0.1/"),
    await post("file:///etc/passwd"),
    await post("not a URL"),
    await post(receiver.url, { httpsOnly: true }),
    await post("http://metadata.google.internal/"),
  ];
  for (const exchange of refused)
    expect(exchange).toMatchObject({ kind: "failed", reason: "policy", address: null });
  expect(receiver.accepted).toBe(0);
});

test("a redirect is not followed", async () => {
  const target = closing(await startRecorder());
  const location = `location: ${target.url}`;
  const receiver = closing(await startReceiver(says("307 Go", [location, "content-length: 0"])));
  expect(await startEgress().post(receiver.url)).toMatchObject({ kind: "answered", status: 307 });
  expect(target.accepted).toBe(0);
});

test("the dialer judges by itself: a literal address or a known name does not get past it", () => {
  const rules = { allow: parseCidrs("127.0.0.1"), forbidden: () => [] };
  const dial = createDialer({ ...rules, resolver: createResolver({ clock: () => 0 }) });
  const never = { step() {}, ready() {}, failed() {} };
  for (const hostname of ["10.0.0.1", "::1", "metadata.google.internal", "unix"])
    for (const protocol of ["http:", "https:"])
      expect(() => dial({ protocol, hostname, port: "" }, never)).toThrow(/may not be reached/);
});
