// What is kept of an answer, and what is not.
import { describe, expect, test } from "@jest/globals";

import { echoesOf } from "../../src/delivery/echoes.ts";
import type { Outcome } from "../../src/delivery/outcome.ts";
import { recordOf } from "../../src/delivery/record.ts";
import type { Secrets } from "../../src/delivery/target.ts";
import { RESPONSE_BYTES_MAX } from "../../src/egress/exchange.ts";

const answered = (body: string, headers: Record<string, string> = {}): Outcome => {
  const exchange = { status: 200, headers, body: Buffer.from(body), address: null, durationMs: 1 };
  return { kind: "delivered", exchange: { kind: "answered", ...exchange, resentMs: null } };
};
const failed = (body: string): Outcome => ({
  kind: "failed",
  reason: "status",
  error: null,
  retryAfterMs: null,
  exchange: answered(body).exchange,
});
const secretsOf = (secrets: Partial<Secrets>, signature: string | null = null) =>
  echoesOf({ headers: {}, key: null, keyVersion: null, previousKey: null, ...secrets }, signature);
const keptOf = (outcome: Outcome, secrets: readonly string[]) => {
  const facts = {
    number: 1,
    startedAt: new Date(0),
    worker: "w",
    keyVersion: null,
    bodySha256: null,
    traceparent: null,
  };
  const { responseBody, responseHeaders, error } = recordOf(outcome, { ...facts, secrets });
  return { body: responseBody, headers: responseHeaders, error };
};
const kept = (outcome: Outcome, headers: Record<string, string> = {}) => {
  const { body, headers: shown } = keptOf(outcome, secretsOf({ headers }));
  return { body, headers: shown };
};

const own = {
  Authorization: "Bearer canary-1",
  "X-Long": "Bearer canary-1 and more",
  "X-Short": "short",
};

test("a header's value that a receiver sends back is masked, in body and headers, a good answer's and a failed one's", () => {
  const echo = `{"authorization":"Bearer canary-1","x-long":"Bearer canary-1 and more"}`;
  const shown = `{"authorization":"********","x-long":"********"}`;
  expect(kept(answered(echo, { "x-echo": "was Bearer canary-1" }), own)).toEqual({
    body: shown,
    headers: { "x-echo": "was ********" },
  });
  expect(kept(failed(echo), own).body).toBe(shown);
});

test("nothing else of it is: neither short values, nor a type of content, nor what only resembles one", () => {
  const body = "short, bearer canary-2, Bearer Canary-1, application/json, Posthorn/1.0";
  const headers = { ...own, "content-type": "application/json", "User-Agent": "Posthorn/1.0" };
  expect(kept(answered(body, { "content-type": "application/json" }), headers)).toEqual({
    body,
    headers: { "content-type": "application/json" },
  });
});

test("no half of one stays where a good answer is cut", () => {
  const body = `${"x".repeat(1_020)}Bearer canary-1`;
  expect(kept(answered(body), own).body).toBe(`${"x".repeat(1_020)}****`);
});

describe("a part of a secret that a receiver sends back is masked", () => {
  const base64 = (text: string) => Buffer.from(text).toString("base64");

  test.each<[string, Partial<Secrets>, string]>([
    ["without its scheme", { headers: { Authorization: "Bearer sk_live_1234" } }, "sk_live_1234"],
    ["of a cookie", { headers: { Cookie: "a=1; session=s3ss10n-id" } }, "s3ss10n-id"],
    ["of a list", { headers: { "X-Keys": "key-number-1,key-number-2" } }, "key-number-2"],
    ["as PHP writes it", { headers: { "X-Key": "abcd/efgh/ij" } }, "abcd\\/efgh\\/ij"],
    ["as .NET writes it", { headers: { "X-Key": "abcd+efgh+ij" } }, "abcd\\u002Befgh\\u002Bij"],
    ["as JSON writes it", { headers: { "X-Key": 'ab"(cd' + "efgh" } }, 'ab\\"(cdefgh'],
    ["percent-encoded", { headers: { "X-Key": "abcd/efgh/ij" } }, "abcd%2Fefgh%2Fij"],
    ["the user of Basic", { headers: { Authorization: `Basic ${base64("anna:p4ss")}` } }, "anna"],
    ["its password", { headers: { authorization: `basic ${base64("anna:p4:ss")}` } }, "p4:ss"],
    ["the two together", { headers: { "X-A": `Basic ${base64("anna:p4ss")}` } }, "anna:p4ss"],
    ["encoded", { headers: { "X-A": `Basic ${base64("anna:p4ss")}` } }, base64("anna:p4ss")],
    ["the signature key", { key: "hush" }, "hush"],
    ["a key of several words", { key: "correct horsebattery staple" }, "horsebattery"],
    ["the key's bytes", { key: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZI" }, "MfKQ9r8GKYqrTwjUPD8ILPZI"],
    ["the key before it", { previousKey: { key: "hush-1", expiresAt: new Date(0) } }, "hush-1"],
  ])("%s", (_, secrets, part) => {
    const shown = keptOf(failed(`found <${part}>, which is wrong`), secretsOf(secrets));
    expect(shown.body).toBe("found <********>, which is wrong");
  });

  test("and the signature, which its request shows masked", () => {
    const secrets = secretsOf({ key: "secret key" }, "v1,YWJjZGVmZ2g= v1,aWprbG1ub3A=");
    expect(keptOf(failed("v1,aWprbG1ub3A= is not v1,xxx"), secrets).body).toBe(
      "v1,********= is not v1,xxx",
    );
  });

  test("and where the answer was cut off in the midst of one", () => {
    const secrets = secretsOf({ headers: { Authorization: "Bearer sk_live_1234" } });
    const cutAt = (shown: string) => `${"x".repeat(RESPONSE_BYTES_MAX - shown.length)}${shown}`;
    expect(keptOf(failed(cutAt("sk_live_123")), secrets).body).toMatch(/x\*{8}$/);
    expect(keptOf(failed(cutAt("Bearer sk_live_")), secrets).body).toMatch(/x\*{8}$/);
    expect(keptOf(failed(cutAt("sk_liv")), secrets).body).toMatch(/xsk_liv$/);
    expect(keptOf(failed("sk_live_123"), secrets).body).toBe("sk_live_123");
  });

  test("and in the text of an error", () => {
    const outcome: Outcome = { ...failed(""), error: "a header said sk_live_1234" } as Outcome;
    const secrets = secretsOf({ headers: { Authorization: "Bearer sk_live_1234" } });
    expect(keptOf(outcome, secrets).error).toBe("a header said ********");
  });
});

test("however many parts a webhook's headers have, few are looked for in each answer, and whole values always", () => {
  const list = (n: number) =>
    Array.from({ length: 450 }, (_, i) => `${n}/${1e6 + i}`)
      .join(",")
      .slice(0, 4_096);
  const headers = Object.fromEntries(Array.from({ length: 32 }, (_, n) => [`x-${n}`, list(n)]));
  const secrets = secretsOf({ headers });
  expect(secrets.length).toBeLessThan(1_200); // 232 texts, each in five spellings at most
  expect(keptOf(failed(`got ${headers["x-31"]}!`), secrets).body).toBe("got ********!");
});
