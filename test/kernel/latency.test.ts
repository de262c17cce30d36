// Latencies counted in slots: what a percentile tells of them.
import { expect, test } from "@jest/globals";
import fc from "fast-check";

import {
  LATENCY_BOUNDS_MS,
  LATENCY_ERROR,
  LATENCY_SLOTS,
  percentiles,
} from "../../src/kernel/latency.ts";

function histogramOf(latencies: readonly number[]): number[] {
  const histogram = new Array<number>(LATENCY_SLOTS).fill(0);
  for (const ms of latencies) {
    const slot = LATENCY_BOUNDS_MS.findLastIndex((bound) => ms >= bound) + 1;
    histogram[slot] = (histogram[slot] ?? 0) + 1;
  }
  return histogram;
}

test("a percentile is as far from the true one as is stated, or 1 ms", () => {
  const latencies = fc.array(fc.integer({ min: 0, max: 30_000 }), { minLength: 1 });
  fc.assert(
    fc.property(latencies, fc.constantFrom(0.5, 0.95, 0.99), (ms, share) => {
      const sorted = [...ms].sort((a, b) => a - b);
      const exact = sorted[Math.ceil(share * sorted.length) - 1] ?? Number.NaN;
      const [told = Number.NaN] = percentiles(histogramOf(ms), [share]) ?? [];
      const off = Math.max(1, exact * LATENCY_ERROR) + 0.1; // told to a tenth
      expect(Math.abs(told - exact)).toBeLessThanOrEqual(off);
    }),
  );
});
