// What a chart is of.

type Series = {
  name: string;
  /** One of the page's colours, as `good` for `--good`. */
  color: string;
  /** One for each time; null where there is nothing to say. */
  values: (number | null)[];
};

export type ChartProps = {
  title: string;
  /** What it says, for who can't see it. */
  summary: string;
  /** In seconds since the epoch, rising. */
  times: number[];
  series: Series[];
  kind: "bars" | "lines";
  format(value: number): string;
};
