import { expect, test } from "@jest/globals";
import fc from "fast-check";

import { judgeExchange } from "../../src/delivery/outcome.ts";
import type { Answered, Failed } from "../../src/egress/exchange.ts";

const NOW = Date.parse("2026-03-01T12:00:00Z");
const is2xx = (status: number) => status >= 200 && status <= 299;

function answered(status: number, headers: Record<string, string> = {}): Answered {
  const body = Buffer.from("said");
  return {
    kind: "answered",
    status,
    headers,
    body,
    address: "127.0.0.1",
    durationMs: 7,
    resentMs: null,
  };
}

function retryAfterMs(status: number, headers: Record<string, string>): number | null | undefined {
  const outcome = judgeExchange(answered(status, headers), is2xx, NOW);
  return outcome.kind === "failed" ? outcome.retryAfterMs : undefined;
}

test("a status that the preset calls a success is delivered, whatever the body", () => {
  const exchange = answered(204);
  expect(judgeExchange(exchange, is2xx, NOW)).toEqual({ kind: "delivered", exchange });
});

test("a preset that wants exactly 200 does not take 201", () => {
  const outcome = judgeExchange(answered(201), (status) => status === 200, NOW);
  expect(outcome).toMatchObject({ kind: "failed", reason: "status" });
});

test.each([
  [300, "redirect"],
  [308, "redirect"],
  [0, "status"],
  [101, "status"],
  [400, "status"],
  [410, "status"],
  [503, "status"],
  [999, "status"],
])("status %i fails as %s", (status, reason) => {
  expect(judgeExchange(answered(status), is2xx, NOW)).toMatchObject({ kind: "failed", reason });
});

test.each(["dns", "connect", "tls", "timeout", "policy"] as const)(
  "an exchange that failed as %s keeps that reason and its text",
  (reason) => {
    const exchange: Failed = {
      kind: "failed",
      reason,
      error: "what happened",
      address: null,
      durationMs: 3,
      resentMs: null,
    };
    const outcome = judgeExchange(exchange, is2xx, NOW);
    const expected = { kind: "failed", reason, error: "what happened", exchange };
    expect(outcome).toEqual({ ...expected, retryAfterMs: null });
  },
);

test.each([
  ["seconds", "120", 120_000],
  ["nothing to wait", "0", null],
  ["more than a day is a day", "999999999999", 86_400_000],
  ["a date", "Sun, 01 Mar 2026 12:01:00 GMT", 60_000],
  ["a date of RFC 850", "Sunday, 01-Mar-26 12:01:00 GMT", 60_000],
  ["a date of asctime", "Sun Mar  1 12:01:00 2026", 60_000],
  ["a date a year off is a day", "Mon, 01 Mar 2027 12:00:00 GMT", 86_400_000],
  ["a date gone by", "Sun, 01 Mar 2026 11:00:00 GMT", null],
  ["a negative number", "-5", null],
  ["a fraction", "1.5", null],
  ["words", "soon", null],
  ["nothing", "", null],
  ["an impossible date", "Sun, 99 Foo 2026 99:99:99 GMT", null],
])("Retry-After is read as given: %s (%j)", (_, value, expected) => {
  expect(retryAfterMs(503, { "retry-after": value })).toBe(expected);
});

test("Retry-After counts on 429 and 503 only", () => {
  const statuses = [429, 503, 500, 404, 302];
  const waits = statuses.map((status) => retryAfterMs(status, { "retry-after": "60" }));
  expect(waits).toEqual([60_000, 60_000, null, null, null]);
});

test("a Retry-After date is measured by the receiver's own clock where it tells it", () => {
  const headers = {
    "retry-after": "Sun, 01 Mar 2026 15:00:30 GMT",
    date: "Sun, 01 Mar 2026 15:00:00 GMT",
  };
  expect(retryAfterMs(503, headers)).toBe(30_000);
});

test("no Retry-After, however odd, breaks the judgement or makes a wait over a day", () => {
  fc.assert(
    fc.property(fc.string(), fc.string(), (value, date) => {
      const waitMs = retryAfterMs(503, { "retry-after": value, date });
      return waitMs === null || (waitMs !== undefined && waitMs > 0 && waitMs <= 86_400_000);
    }),
  );
});
