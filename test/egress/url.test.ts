import { expect, test } from "@jest/globals";

import { parseCidrs } from "../../src/egress/address.ts";
import type { Endpoint } from "../../src/egress/endpoint.ts";
import { judgeUrl } from "../../src/egress/url.ts";
import { PosthornError } from "../../src/kernel/errors.ts";

type Options = { allow?: string; httpsOnly?: boolean; forbidden?: Endpoint[] };

function judge(text: string, { allow = "", httpsOnly = false, forbidden = [] }: Options = {}) {
  return judgeUrl(text, { allow: parseCidrs(allow), httpsOnly, forbidden: () => forbidden });
}

function errorOf(text: string, options?: Options): PosthornError {
  try {
    judge(text, options);
  } catch (error) {
    if (error instanceof PosthornError) return error;
    throw error;
  }
  throw new Error(`${text} was not refused`);
}

const LOOPBACK = { allow: "127.0.0.0/8,::1/128" };

test.each([
  ["https://example.com/hooks?a=b", "https://example.com/hooks?a=b"],
  ["HTTPS://EXAMPLE.com:443", "https://example.com/"],
  ["http://example.com:65535/", "http://example.com:65535/"],
  ["http://bücher.example/ü", "http://xn--bcher-kva.example/%C3%BC"],
  ["http://8.8.8.8/", "http://8.8.8.8/"],
  ["http://[2606:4700:4700::1111]:8080/", "http://[2606:4700:4700::1111]:8080/"],
  ["http://example.com./", "http://example.com./"],
])("%s is accepted as %s", (text, normal) => {
  expect(judge(text)).toBe(normal);
});

test.each([
  "ftp://example.com/",
  "file:///etc/passwd",
  "unix:/var/run/docker.sock",
  "javascript:alert(1)",
  "http://unix/var/run/docker.sock",
  "http://unix:/var/run/docker.sock:/containers",
  "example.com",
  "",
  "http://",
  "http://exa mple.com/",
  "http://example.com/\r\nx: y",
  " http://example.com/",
  "http://exam\tple.com/",
  "http://example.com:0/",
  "http://example.com:65536/",
  "http://user@example.com/",
  "http://user:pass@example.com/",
  "http://:pass@example.com/",
  "http://example.com/#part",
  "http://[::1",
  "http://1.2.3.4.5/",
  "http://256.256.256.256/",
])("%j is refused", (text) => {
  expect(errorOf(text)).toMatchObject({ code: "invalid_request", issues: [{ path: "url" }] });
});

test.each([
  ..."127.0.0.1 127.1 0177.0.0.1 0x7f.0.0.1 0x7f000001 2130706433 0 127.0.0.1. １２７.0.0.1 ①②⑦.⓪.⓪.①".split(
    " ",
  ),
  ..."[::1] [::ffff:127.0.0.1] [::ffff:7f00:1] [0:0:0:0:0:0:0:1] [::] 0.0.0.0 %31%32%37.0.0.1".split(
    " ",
  ),
  ..."10.0.0.1 169.254.169.254 0xa9fea9fe 192.168.1.1 [fe80::1] [fd00:ec2::254] 168.63.129.16".split(
    " ",
  ),
  ..."localhost LOCALHOST localhost. a.localhost a.b.localhost. ｌocalhost".split(" "),
  ..."metadata metadata.google.internal METADATA.google.internal. metadata.goog instance-data".split(
    " ",
  ),
])("http://%s/ leads inside and is refused", (host) => {
  expect(errorOf(`http://${host}/`).message).toMatch(/^url: leads to .* may not be reached/);
});

test("localhost names count as loopback: accepted where either loopback address is allowed", () => {
  for (const host of ["localhost", "localhost.", "a.localhost", "127.0.0.1"])
    expect(judge(`http://${host}:3000/`, { allow: "127.0.0.1" })).toBe(`http://${host}:3000/`);
  expect(judge("http://localhost:3000/", { allow: "::1" })).toBe("http://localhost:3000/");
});

test("metadata names and unix stay refused whatever is allowed", () => {
  for (const host of ["metadata.google.internal", "metadata", "instance-data", "unix"])
    expect(errorOf(`http://${host}/`, { allow: "0.0.0.0/0,::/0" }).message).toMatch(/url: leads/);
});

test("the service's own listener is refused on allowed loopback, by address and by name", () => {
  const own = { ...LOOPBACK, forbidden: [{ address: "0.0.0.0", port: 8080 }] };
  for (const host of ["127.0.0.1", "127.0.0.9", "[::1]", "localhost", "a.localhost"]) {
    expect(errorOf(`http://${host}:8080/`, own).message).toMatch(/may not be reached/);
    expect(judge(`http://${host}:8081/`, own)).toBe(`http://${host}:8081/`);
  }
});

test("where the preset or the operator demands https, http is refused with a text that says so", () => {
  expect(errorOf("http://example.com/", { httpsOnly: true }).message).toMatch(/https: is demanded/);
  expect(judge("https://example.com/", { httpsOnly: true })).toBe("https://example.com/");
});

test("2,048 characters are accepted, one more is not, nor fewer that grow over it in the normal form", () => {
  const base = "https://example.com/";
  const longest = base + "a".repeat(2_048 - base.length);
  expect(judge(longest)).toBe(longest);
  expect(errorOf(`${longest}a`).message).toMatch(/2049 characters/);
  expect(errorOf(base + "ü".repeat(1_000)).message).toMatch(/at most 2048/);
});

test("no error repeats what may be secret: user name, password, path or query", () => {
  const texts = [
    "http://canary:canary@example.com/",
    "http://127.0.0.1/canary?key=canary",
    "http://example.com:0/canary",
    "http://example.com/canary#canary",
    "http://metadata/?canary",
  ];
  for (const text of texts) {
    const error = errorOf(text);
    expect(JSON.stringify([error.message, error.issues])).not.toContain("canary");
  }
});
