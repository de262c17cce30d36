// Where webhooks may lead, in one table: judged when a URL is subscribed, when it is sent to, and at the connection.
import { isIP } from "node:net";

import { describe, expect, test } from "@jest/globals";

import { parseCidrs } from "../../src/egress/address.ts";
import { createDialer } from "../../src/egress/dialer.ts";
import { judgedAddresses } from "../../src/egress/door.ts";
import { judgeUrl } from "../../src/egress/url.ts";
import { startEgress } from "../helpers/egress.ts";

/** Hosts as they stand in a URL. */
const REFUSED_HOSTS: Record<string, string> = {
  "this network": "0.0.0.0 0.1.2.3 0",
  "private IPv4": "10.0.0.1 10.255.255.255 172.16.0.1 172.31.255.255 192.168.0.1 192.168.255.255",
  "carrier-grade NAT": "100.64.0.1 100.100.100.200 100.127.255.255",
  "loopback IPv4": "127.0.0.1 127.255.255.254",
  "link-local IPv4, with clouds' metadata": "169.254.0.1 169.254.169.254 169.254.170.2",
  "protocol assignments": "192.0.0.8 192.0.0.192",
  "documentation IPv4": "192.0.2.1 198.51.100.1 203.0.113.1",
  "6to4 relays": "192.88.99.1",
  benchmarks: "198.18.0.1 198.19.255.255",
  "multicast IPv4": "224.0.0.1 239.1.1.1",
  "reserved IPv4 and broadcast": "240.0.0.1 255.255.255.254 255.255.255.255",
  "a cloud's wire server": "168.63.129.16",

  "unspecified and loopback IPv6": "[::] [::1] [0:0:0:0:0:0:0:1]",
  "unique local, with a cloud's metadata": "[fc00::1] [fd00:ec2::254] [fdff::1]",
  "link-local IPv6": "[fe80::1] [febf::1]",
  "site-local": "[fec0::1]",
  "multicast IPv6": "[ff02::1] [ff0e::1]",
  discard: "[100::1] [100:0:0:1::1]",
  "benchmarks, ORCHID, IPv6": "[2001:2::1] [2001:10::1] [2001:20::1]",
  "documentation IPv6": "[2001:db8::1] [3fff::1]",
  "segment routing": "[5f00::1]",
  "not given out yet": "[4000::1] [e000::1] [1::1]",

  mapped: "[::ffff:127.0.0.1] [::ffff:7f00:1] [::ffff:a9fe:a9fe] [::ffff:10.0.0.1]",
  compatible: "[::127.0.0.1] [::a00:1]",
  translated: "[::ffff:0:10.0.0.1] [::ffff:0:127.0.0.1]",
  NAT64: "[64:ff9b::10.0.0.1] [64:ff9b::a9fe:a9fe] [64:ff9b::7f00:1]",
  "NAT64 of one's own": "[64:ff9b:1::10.0.0.1] [64:ff9b:1:a00:0:100::]",
  "6to4": "[2002:7f00:1::1] [2002:a9fe:a9fe::] [2002:808:808::1]",
  Teredo: "[2001:0:a00:1::1] [2001:0:808:808::f5ff:fffe]",

  "octal, hex, decimal, short":
    "0177.0.0.1 0x7f.0.0.1 0x7f000001 2130706433 127.1 127.0.1 017700000001 0xa9fea9fe 10.1",
  "dot at the end, percent-encoded": "127.0.0.1. 10.0.0.1. %31%32%37.0.0.1 127%2e0.0.1",
  "full-width, circled": "１２７.0.0.1 ①②⑦.⓪.⓪.① 127。0。0。1 ｌocalhost",
  "loopback names": "localhost LOCALHOST localhost. a.localhost a.b.localhost.",
  "clouds' metadata by name":
    "metadata metadata.google.internal METADATA.google.internal. metadata.goog instance-data instance-data.ec2.internal",
  "got's name for a socket file": "unix",
};

const REFUSED_FORMS: Record<string, string[]> = {
  "other schemes": [
    "ftp://example.com/",
    "file:///etc/passwd",
    "unix:/var/run/docker.sock",
    "javascript:alert(1)",
    "data:text/plain,x",
    "gopher://example.com/",
    "ws://example.com/",
  ],
  "socket files": [
    "http://unix/var/run/docker.sock",
    "http://unix:/var/run/docker.sock:/containers",
  ],
  "user names and passwords": [
    "http://user@example.com/",
    "http://user:pass@example.com/",
    "http://:pass@example.com/",
    "http://example.com@127.0.0.1/",
  ],
  ports: ["http://example.com:0/", "http://example.com:65536/", "http://example.com:-1/"],
  fragments: ["http://example.com/#part"],
  "white space and line ends": [
    " http://example.com/",
    "http://exa mple.com/",
    "http://exam\tple.com/",
    "http://example.com/\r\nx: y",
  ],
  "no URL": ["example.com", "", "http://", "http://[::1", "//example.com/"],
  "no address": ["http://1.2.3.4.5/", "http://256.256.256.256/", "http://[fe80::1%25eth0]/"],
};

/** Next to what is refused, where there is a border. */
const ALLOWED_HOSTS: Record<string, string> = {
  "IPv4 in use": "8.8.8.8 1.1.1.1",
  "just outside": "9.255.255.255 11.0.0.1 100.63.255.255 100.128.0.1 126.255.255.255 128.0.0.1",
  "and more": "169.253.255.255 169.255.0.1 172.15.255.255 172.32.0.1 192.167.255.255 192.169.0.1",
  "and the last": "168.63.129.15 198.17.255.255 198.20.0.1 223.255.255.255",
  "IPv6 in use": "[2606:4700:4700::1111] [2a00:1450:4001::1] [2001:4860:4860::8888]",
  "public IPv4, behind NAT64": "[64:ff9b::8.8.8.8]",
  "public IPv4, mapped": "[::ffff:8.8.8.8]",
  names: "example.com example.com. bücher.example localhost.example.com xn--bcher-kva.example",
};

const RULES = { allow: [], forbidden: () => [] };
const resolvesTo = (address: string) => ({
  resolve: () => Promise.resolve([address]),
  close: () => {},
});
const rows = (table: Record<string, string>) =>
  Object.entries(table).flatMap(([kind, hosts]) => hosts.split(" ").map((host) => [kind, host]));
const judge = (url: string) => judgeUrl(url, { ...RULES, httpsOnly: false });
const hostOf = (url: string) => new URL(url).hostname.replace(/^\[|\]$/g, "");

describe.each(rows(REFUSED_HOSTS))("%s: %s", (_, host = "") => {
  const url = `http://${host}:8080/`;

  test("is refused at subscribe, with a text that says why", () => {
    expect(() => judge(url)).toThrow(/^url: leads to .* may not be reached/);
  });

  test("is refused when it is sent to", async () => {
    const exchange = await startEgress({ allow: [] }).post(url);
    expect(exchange).toMatchObject({ kind: "failed", reason: "policy", address: null });
  });

  test("is refused at the connection, as itself and behind a name", async () => {
    const hostname = hostOf(url);
    const dial = createDialer({ ...RULES, resolver: resolvesTo("8.8.8.8") });
    const never = { step() {}, ready() {}, failed() {} };
    expect(() => dial({ protocol: "http:", hostname, port: "" }, never)).toThrow(/not be reached/);
    if (isIP(hostname) === 0) return;
    const judged = judgedAddresses("name.example", 80, RULES, resolvesTo(hostname));
    await expect(judged).rejects.toMatchObject({ reason: "policy" });
  });
});

describe.each(Object.entries(REFUSED_FORMS))("%s", (_, urls) => {
  test.each(urls)("%j is refused at subscribe and when it is sent to", async (url) => {
    expect(() => judge(url)).toThrow(/^url: /);
    expect(await startEgress({ allow: [] }).post(url)).toMatchObject({ reason: "policy" });
  });
});

describe.each(rows(ALLOWED_HOSTS))("%s: %s", (_, host = "") => {
  test("is allowed at subscribe and at the connection", async () => {
    const hostname = hostOf(judge(`https://${host}/`));
    const address = isIP(hostname) ? hostname : "8.8.8.8";
    const judged = judgedAddresses(hostname, 443, RULES, resolvesTo(address));
    expect(await judged).toEqual([address]);
  });
});

test("a zone does not make a link-local address another one", async () => {
  const judged = judgedAddresses("name.example", 80, RULES, resolvesTo("fe80::1%eth0"));
  await expect(judged).rejects.toMatchObject({ reason: "policy" });
});

test("an allowed block opens its addresses at subscribe and at the connection", async () => {
  const rules = { ...RULES, allow: parseCidrs("10.0.0.0/8") };
  expect(judgeUrl("http://10.1.2.3/", { ...rules, httpsOnly: false })).toBe("http://10.1.2.3/");
  const judged = judgedAddresses("name.example", 80, rules, resolvesTo("10.1.2.3"));
  expect(await judged).toEqual(["10.1.2.3"]);
});
