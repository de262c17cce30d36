import { expect, test } from "@jest/globals";
import fc from "fast-check";

import { judgeHeaders } from "../../src/egress/headers.ts";
import { PosthornError } from "../../src/kernel/errors.ts";

function errorOf(headers: Record<string, string>): PosthornError | undefined {
  try {
    judgeHeaders(headers);
    return undefined;
  } catch (error) {
    if (error instanceof PosthornError) return error;
    throw error;
  }
}

test("ordinary headers are accepted, and so are replacements of content-type and user-agent", () => {
  const headers = {
    Authorization: "Bearer abc",
    "X-Api-Key": "k e y ~!",
    "Content-Type": "application/cloudevents+json",
    "user-agent": "mine/1",
    "x-empty": "",
  };
  expect(errorOf(headers)).toBeUndefined();
});

test.each([
  ..."Host content-length Content-Encoding TRANSFER-ENCODING connection keep-alive te trailer upgrade".split(
    " ",
  ),
  ..."expect proxy-authorization Proxy-Connection date forwarded x-forwarded-for X-Forwarded-Host".split(
    " ",
  ),
  ..."Webhook-Id webhook-timestamp webhook-anything webhook-signature http2-settings".split(" "),
  ..."X-Airy-Content-Signature x-webhook-signature __proto__".split(" "),
])("%s is reserved and refused", (name) => {
  const error = errorOf(JSON.parse(`{${JSON.stringify(name)}: "x"}`) as Record<string, string>);
  expect(error).toMatchObject({ code: "invalid_request", issues: [{ path: `headers.${name}` }] });
});

test.each(["", "a b", "a:b", "a\r\nb", "ä", "a\u0000", "(x)", "x".repeat(257)])(
  "%j is no header name and is refused",
  (name) => expect(errorOf({ [name]: "x" })).toBeDefined(),
);

test.each([
  "a\r\nb",
  "a\nb",
  "a\rb",
  "a\u0000b",
  "caf\u00e9",
  "\u{1f600}",
  "a\tb",
  "\u007f",
  "\u0100",
])("the value %j is refused, since it could not be sent", (value) =>
  expect(errorOf({ "x-a": value })?.message).toMatch(/^headers\.x-a: .*visible ASCII/),
);

test("32 headers of 4 KiB are accepted; a 33rd, or one byte more, is not", () => {
  const value = "v".repeat(4_096);
  const full = Object.fromEntries(Array.from({ length: 32 }, (_, i) => [`x-${i}`, value]));
  expect(errorOf(full)).toBeUndefined();
  expect(errorOf({ ...full, "x-32": "" })?.message).toMatch(/33 headers; at most 32/);
  expect(errorOf({ ...full, "x-0": `${value}v` })?.message).toMatch(/headers\.x-0: .*4097/);
});

test("a name given twice in different case is refused, since only one could be sent", () => {
  expect(errorOf({ "X-Team": "a", "x-team": "b" })?.message).toMatch(/headers\.x-team: .*twice/);
});

test("no error repeats a value, which may be a secret", () => {
  const anyHeaders = fc.dictionary(
    fc.string(),
    fc.string().map((text) => `${text}canary\n`),
  );
  fc.assert(
    fc.property(anyHeaders, (headers) => {
      const error = errorOf(headers);
      return !JSON.stringify([error?.message, error?.issues]).includes("canary");
    }),
  );
});

test("whatever is accepted, node can set, and it comes out as it went in", () => {
  const name = fc.string({
    unit: fc.constantFrom(..."abcXYZ019-_!~."),
    minLength: 1,
    maxLength: 20,
  });
  const value = fc.oneof(fc.string({ unit: "binary-ascii" }), fc.string());
  fc.assert(
    fc.property(fc.dictionary(name, value, { maxKeys: 5 }), (headers) => {
      if (errorOf(headers) !== undefined) return true;
      const sent = new Headers(headers);
      return Object.entries(headers).every(([each, text]) => sent.get(each) === text.trim());
    }),
  );
});
