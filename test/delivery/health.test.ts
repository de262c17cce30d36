// A webhook's health: judged by what its receiver answers, and announced once.
import { describe, expect, test } from "@jest/globals";

import { judgeHealth } from "../../src/delivery/health.ts";
import { HOUR, MINUTE } from "../../src/kernel/duration.ts";
import type { HealthFacts } from "../../src/queue/health.ts";

const now = new Date("2026-01-31T12:00:00Z");
const ago = (ms: number) => new Date(now.getTime() - ms);
const facts = (some: Partial<HealthFacts>): HealthFacts => ({
  webhook_id: 1,
  health: "ok",
  failures_in_row: 1,
  failing_since: ago(MINUTE),
  last_failure_at: now,
  last_success_at: null,
  died_at: null,
  released_at: null,
  ...some,
});

describe("health", () => {
  test.each([
    ["one failure changes nothing", facts({}), null],
    [
      "four failures in ten minutes change nothing",
      facts({ failures_in_row: 4, failing_since: ago(10 * MINUTE) }),
      null,
    ],
    [
      "five failures within five minutes change nothing",
      facts({ failures_in_row: 5, failing_since: ago(5 * MINUTE - 1) }),
      null,
    ],
    [
      "five failures over five minutes are failing",
      facts({ failures_in_row: 5, failing_since: ago(5 * MINUTE) }),
      ["failing", "attempts_failed"],
    ],
    [
      "a death by the receiver's answers is failing at once",
      facts({ died_at: now }),
      ["failing", "delivery_dead"],
    ],
    [
      "a death before the last success is over",
      facts({ died_at: ago(MINUTE), last_success_at: ago(1) }),
      null,
    ],
    ["failing stays failing", facts({ health: "failing", died_at: now }), null],
    ["the next success is ok", facts({ health: "failing", failures_in_row: 0 }), ["ok", null]],
    [
      "the next success is ok, also where a failure has followed it already",
      facts({
        health: "failing",
        died_at: ago(MINUTE),
        last_success_at: ago(2),
        failing_since: ago(1),
      }),
      ["ok", null],
    ],
    [
      "a success before a release is none",
      facts({ health: "failing", last_success_at: ago(HOUR), released_at: ago(MINUTE) }),
      null,
    ],
    ["a success of a healthy one changes nothing", facts({ failures_in_row: 0 }), null],
    [
      "no success for 120 hours of failures disables",
      facts({ health: "failing", failing_since: ago(120 * HOUR) }),
      ["disabled", "no_success"],
    ],
    [
      "but not one failure and nothing sent since, however long ago",
      facts({
        health: "failing",
        failing_since: ago(500 * HOUR),
        last_failure_at: ago(500 * HOUR),
        died_at: ago(500 * HOUR),
      }),
      null,
    ],
    [
      "nor failures that ended before that",
      facts({
        health: "failing",
        failing_since: ago(500 * HOUR),
        last_failure_at: ago(381 * HOUR),
      }),
      null,
    ],
    [
      "after a release the hours count anew",
      facts({ health: "failing", failing_since: ago(200 * HOUR), released_at: ago(HOUR) }),
      null,
    ],
    [
      "and don't end without a failure since",
      facts({
        health: "failing",
        failing_since: ago(400 * HOUR),
        last_failure_at: ago(201 * HOUR),
        released_at: ago(200 * HOUR),
      }),
      null,
    ],
    [
      "and end again with a failure after them",
      facts({ health: "failing", failing_since: ago(200 * HOUR), released_at: ago(120 * HOUR) }),
      ["disabled", "no_success"],
    ],
    [
      "nothing seen ends a disablement, not even a success",
      facts({ health: "disabled", failures_in_row: 0 }),
      null,
    ],
  ])("%s", (_name, given, expected) => {
    const verdict = judgeHealth(given, 120);
    expect(verdict && [verdict.health, verdict.reason]).toEqual(expected);
  });

  test("with 0 hours nothing is ever disabled", () => {
    expect(
      judgeHealth(facts({ health: "failing", failing_since: ago(9_999 * HOUR) }), 0),
    ).toBeNull();
  });
});
