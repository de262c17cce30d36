// Percentiles as an answer tells them: pure.
import { percentiles, type Histogram } from "../kernel/latency.ts";

/** Those of a histogram; null where it has counted nothing. */
export function percentilesOf(histogram: Histogram) {
  const [p50, p95, p99] = percentiles(histogram, [0.5, 0.95, 0.99]) ?? [];
  if (p50 === undefined || p95 === undefined || p99 === undefined) return null;
  return { p50_ms: p50, p95_ms: p95, p99_ms: p99 };
}

/** The same with what was counted. */
export function latencyOf(counts: Histogram) {
  const found = percentilesOf(counts);
  return found && { ...found, counts };
}
