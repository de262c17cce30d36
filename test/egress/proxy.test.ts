import { expect, test } from "@jest/globals";

import { parseCidrs } from "../../src/egress/address.ts";
import { createResolver } from "../../src/egress/resolver.ts";
import { createAuthority, createCertificate } from "../helpers/certificates.ts";
import { startDnsServer } from "../helpers/dns-server.ts";
import { closing, startEgress } from "../helpers/egress.ts";
import { startProxy, type ProxyOptions } from "../helpers/proxy.ts";
import { says, startReceiver, startRecorder } from "../helpers/receivers.ts";

const authority = createAuthority("trusted");
const HOSTS = ["localhost", "127.0.0.1"];

async function start(options: ProxyOptions = {}, credentials = "") {
  const proxy = closing(await startProxy(options));
  const url = new URL(proxy.url.href.replace("://", `://${credentials}`));
  return { proxy, ...startEgress({ proxy: url, ca: () => authority.pem }) };
}

test("plain http goes through a tunnel of the proxy's, which a second request uses again", async () => {
  const { proxy, post } = await start({}, "us%65r:p%40ss@");
  const recorder = closing(await startRecorder());
  for (const _ of [1, 2])
    expect(await post(recorder.url)).toMatchObject({ status: 200, address: null });
  const authorization = `Basic ${Buffer.from("user:p@ss").toString("base64")}`;
  expect(proxy.asked).toEqual([{ authority: `127.0.0.1:${recorder.port}`, authorization }]);
  expect(recorder.accepted).toBe(1);
  expect(String(recorder.requests[0]?.rawHeaders).toLowerCase()).not.toContain("proxy");
});

test("https goes through a tunnel end to end, to a proxy of either scheme", async () => {
  const receiver = closing(
    await startReceiver(says("200 OK"), createCertificate(authority, HOSTS)),
  );
  for (const options of [{}, { certificate: createCertificate(authority, HOSTS) }]) {
    const { proxy, post } = await start(options);
    const exchange = await post(`https://localhost:${receiver.port}/`);
    expect(exchange).toMatchObject({ status: 200 });
    expect(proxy.asked).toEqual([{ authority: `localhost:${receiver.port}` }]);
  }
});

test("certificates are checked through the tunnel, and the proxy's own is", async () => {
  const unknown = createCertificate(createAuthority("unknown"), HOSTS);
  const receiver = closing(await startReceiver(says("200 OK"), unknown));
  const { post } = await start();
  const exchange = await post(receiver.url);
  expect(exchange).toMatchObject({ reason: "tls", error: expect.stringMatching(/unknown/) });

  const impostor = await start({ certificate: unknown });
  expect(await impostor.post("http://localhost:1/")).toMatchObject({
    reason: "connect",
    error: expect.stringMatching(/the proxy can't be reached/),
  });
  expect(impostor.proxy.asked).toEqual([]);
});

test("literals, known names, and names that lead inside are refused before the proxy is asked", async () => {
  const dns = closing(await startDnsServer(() => ["10.0.0.1"]));
  const resolver = createResolver({ clock: () => 0, servers: [dns.address] });
  const proxy = closing(await startProxy());
  const { post } = startEgress({ proxy: proxy.url, resolver });
  const hosts = ["10.0.0.1", "[fd00::1]", "metadata.google.internal", "inside.example"];
  for (const host of hosts)
    expect(await post(`http://${host}/`)).toMatchObject({ reason: "policy", address: null });
  expect(proxy.asked).toEqual([]);
});

test("the proxy itself may stand at a private address that no webhook may lead to", async () => {
  const proxy = closing(await startProxy({ host: "127.0.0.2" }));
  const recorder = closing(await startRecorder());
  const { post } = startEgress({ proxy: proxy.url, allow: parseCidrs("127.0.0.1") });
  expect(await post(recorder.url)).toMatchObject({ status: 200 });
  expect(await post(proxy.url.href)).toMatchObject({ reason: "policy" });
});

test.each([
  [407, "connect", /the proxy answered 407: check the user and password/],
  [502, "connect", /the proxy answered 502/],
  ["silence", "timeout", /no connection within 3500 ms/],
] as const)(
  "a proxy that answers %s is a failed attempt that says so",
  async (status, reason, text) => {
    const { post } = await start({ status }, "canary:canary@");
    const timing = status === "silence" ? { timeoutMs: 3_500 } : {};
    const exchange = await post("http://localhost:1/", timing);
    expect(exchange).toMatchObject({ reason, error: expect.stringMatching(text) });
    expect(JSON.stringify(exchange)).not.toContain("canary");
  },
);

test("a proxy that is not there is a failed attempt that says so", async () => {
  const { proxy, post } = await start();
  await proxy.close();
  const error = "the proxy can't be reached (ECONNREFUSED)";
  expect(await post("http://localhost:1/")).toMatchObject({ reason: "connect", error });
});
