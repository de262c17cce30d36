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
