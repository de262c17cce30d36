import { describe, expect, test } from "@jest/globals";

import { fromNow } from "../../src/cli/arguments.ts";
import { DAY, HOUR, MINUTE } from "../../src/kernel/duration.ts";

describe("a span from now", () => {
  test.each([
    ["90d", 90 * DAY],
    ["12h", 12 * HOUR],
    ["30m", 30 * MINUTE],
    ["36500d", 36_500 * DAY],
  ])("%s is read", (text, ms) => {
    const before = Date.now();
    const at = fromNow(text).getTime() - ms;
    expect(at).toBeGreaterThanOrEqual(before);
    expect(at).toBeLessThanOrEqual(Date.now());
  });

  test.each(["", "90", "d", "0d", "1.5h", "-1d", "9y", "1d 2h", "36501d", `${"9".repeat(400)}d`])(
    "%j is refused",
    (text) => {
      expect(() => fromNow(text)).toThrow(/a span like 90d, 12h or 30m is needed, 36500d at most/);
    },
  );
});
