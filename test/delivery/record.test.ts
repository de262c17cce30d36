// What is kept of an answer, and what is not.
import { expect, test } from "@jest/globals";

import type { Outcome } from "../../src/delivery/outcome.ts";
import { recordOf } from "../../src/delivery/record.ts";

const answered = (body: string, headers: Record<string, string> = {}): Outcome => {
  const exchange = { status: 200, headers, body: Buffer.from(body), address: null, durationMs: 1 };
  return { kind: "delivered", exchange: { kind: "answered", ...exchange } };
};
const failed = (body: string): Outcome => ({
  kind: "failed",
  reason: "status",
  error: null,
  retryAfterMs: null,
  exchange: answered(body).exchange,
});
const kept = (outcome: Outcome, headers?: Record<string, string>) => {
  const facts = { number: 1, startedAt: new Date(0), worker: "w", keyVersion: null, body: null };
  const { responseBody, responseHeaders } = recordOf(outcome, { ...facts, headers });
  return { body: responseBody, headers: responseHeaders };
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
  const body = "short, bearer canary-1, Bearer canary-2, application/json";
  const headers = { ...own, "content-type": "application/json" };
  expect(kept(answered(body, { "content-type": "application/json" }), headers)).toEqual({
    body,
    headers: { "content-type": "application/json" },
  });
});

test("no half of one stays where a good answer is cut", () => {
  const body = `${"x".repeat(1_020)}Bearer canary-1`;
  expect(kept(answered(body), own).body).toBe(`${"x".repeat(1_020)}****`);
});
