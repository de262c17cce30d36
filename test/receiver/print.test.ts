import { describe, expect, test } from "@jest/globals";

import { printDelivery } from "../../src/receiver/print.ts";
import type { Received } from "../../src/receiver/receive.ts";

const AT = new Date(2026, 0, 31, 12, 34, 56);
const received = (body: string, more: Partial<Received> = {}): Received => ({
  headers: { "webhook-id": "evt_1", "webhook-attempt": "2" },
  body: Buffer.from(body),
  at: AT,
  verdict: { kind: "verified" },
  ...more,
});
const print = (delivery: Received, colours = false) =>
  printDelivery(delivery, { status: 200, colours });

test("a delivery is a line that says when, whether it is genuine, its id, type and attempt, then its payload", () => {
  expect(print(received('{"type":"a.b","timestamp":1,"payload":{"text":"Grüße"}}'))).toBe(
    `12:34:56  ✓ verified  evt_1  a.b  attempt 2, answered 200
  {
    "text": "Grüße"
  }
`,
  );
});

test("one that is not genuine says why, by the code that posthorn/verify has for it", () => {
  const verdict = { kind: "refused", code: "signature_mismatch", message: "another key" } as const;
  expect(print(received('{"type":"a.b","data":1}', { verdict }))).toBe(
    `12:34:56  ✗ not verified  evt_1  a.b  attempt 2, answered 200
  signature_mismatch: another key
  1
`,
  );
});

test("colours are printed where they are asked for, and nowhere else", () => {
  const delivery = received('{"type":"a.b","data":1}', { verdict: { kind: "unchecked" } });
  expect(print(delivery, true)).toContain("\u001b[33mnot checked\u001b[39m");
  expect(print(delivery)).not.toContain("\u001b");
});

describe("whatever a stranger sends, it is printed", () => {
  const hostile = "\u001b[2J\u0007\u202e\u009b\r\n";
  const commands = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/;

  test.each([
    ["in the payload", received(JSON.stringify({ type: "a", data: hostile }))],
    ["in the type", received(JSON.stringify({ type: hostile, data: 1 }))],
    ["in a header", received("{}", { headers: { "webhook-id": hostile } })],
    ["in a body that is no JSON", received(hostile)],
    ["in bytes that are no text", received("", { body: Buffer.from([0xff, 0x1b, 0x9b]) })],
  ])("without a command to the terminal: %s", (_where, delivery) => {
    expect(print(delivery)).not.toMatch(commands);
  });

  test.each([
    ["a long line", `{"type":"a","data":"${"x".repeat(900_000)}"}`],
    ["a long list", `{"type":"a","data":[${"1,".repeat(400_000)}1]}`],
    ["a deep one", `{"type":"a","data":${"[".repeat(400_000)}${"]".repeat(400_000)}}`],
    ["a long type", `{"type":"${"x".repeat(900_000)}","data":1}`],
    ["no JSON", "x\n".repeat(400_000)],
  ])("within a screen: %s", (_what, body) => {
    const text = print(received(body));
    expect(text.length).toBeLessThan(20_000);
    expect(text.split("\n").length).toBeLessThan(45);
  });

  test("even where there is nothing to print", () => {
    expect(print(received("", { headers: {} }))).toBe(
      "12:34:56  ✓ verified  without Webhook-Id  of no known type  attempt ?, answered 200\n  (an empty body)\n",
    );
  });
});
