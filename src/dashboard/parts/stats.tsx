// Statistics as charts: what became of deliveries, and how long it took.
import type { Output } from "../api/operations.ts";
import { Chart } from "./chart.tsx";
import { duration, span } from "./time.tsx";
import { number } from "./words.ts";

type Stats = Output<"stats.webhook">;

/** The buckets by time, with those in which nothing ended. */
export function everyBucket<Bucket extends { at: string }>({
  since,
  until,
  bucket_s,
  buckets,
}: Pick<Stats, "since" | "until" | "bucket_s"> & { buckets: Bucket[] }) {
  const byTime = new Map(buckets.map((bucket) => [Date.parse(bucket.at) / 1_000, bucket]));
  const times: number[] = [];
  for (let at = Date.parse(since) / 1_000; at < Date.parse(until) / 1_000; at += bucket_s)
    times.push(at);
  const values = <T,>(read: (bucket: Bucket) => T, none: T): T[] =>
    times.map((at) => {
      const bucket = byTime.get(at);
      return bucket ? read(bucket) : none;
    });
  return { times, values };
}

const count = (value: number) => number(Math.round(value));

/** Two charts side by side. */
export function StatsCharts({ stats }: { stats: Stats }) {
  const { times, values } = everyBucket(stats);
  const { totals, since, until } = stats;
  const over = span((Date.parse(until) - Date.parse(since)) / 1_000);
  const { attempt_latency: latency, start_latency: start } = totals;
  return (
    <div className="charts">
      <Chart
        title="Deliveries"
        kind="bars"
        summary={`${count(totals.delivered)} delivered, ${count(totals.retried)} retried, ${count(totals.dead)} dead in ${over}`}
        times={times}
        format={count}
        series={[
          { name: "Delivered", color: "good", values: values(({ delivered }) => delivered, 0) },
          { name: "Retried", color: "warn", values: values(({ retried }) => retried, 0) },
          { name: "Dead", color: "bad", values: values(({ dead }) => dead, 0) },
        ]}
      />
      <Chart
        title="Latency"
        kind="lines"
        summary={
          latency
            ? `Answered in ${duration(latency.p50_ms)} (p50), ${duration(latency.p95_ms)} (p95)${start ? `; begun within ${duration(start.p95_ms)} of the publish (p95)` : ""}`
            : "No answer was timed in this time"
        }
        times={times}
        format={duration}
        series={[
          {
            name: "Answer, p50",
            color: "busy",
            values: values(({ attempt_latency }) => attempt_latency?.p50_ms ?? null, null),
          },
          {
            name: "Answer, p95",
            color: "warn",
            values: values(({ attempt_latency }) => attempt_latency?.p95_ms ?? null, null),
          },
        ]}
      />
    </div>
  );
}
