// A line of numbers, small enough for a row. What it says is said in words too.

type SparklineProps = { values: number[]; max?: number; label: string };

/** Draws values from 0 to `max`; none draws a line on the ground. */
export function Sparkline({ values, max = Math.max(1, ...values), label }: SparklineProps) {
  const step = values.length > 1 ? 96 / (values.length - 1) : 0;
  const points = values.map((value, index) => `${index * step} ${18 - (value / max) * 16}`);
  return (
    <svg className="sparkline" viewBox="0 0 96 20" role="img" aria-label={label}>
      <path d={points.length > 1 ? `M${points.join("L")}` : "M0 18H96"} />
    </svg>
  );
}
