// The drawing of a chart, by uPlot, in the page's colours.
import { useEffect, useRef } from "react";
import UPlot, { type Options, type Series as PlotSeries } from "uplot";
import "uplot/dist/uPlot.min.css";

import { createStore } from "../store.ts";
import type { ChartProps } from "./chart-props.ts";

const HEIGHT_PX = 150;

// Told when the system goes dark: a canvas keeps the colours that it was drawn with.
const darkness = createStore(0);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () =>
  requestAnimationFrame(() => darkness.set(darkness.get() + 1)),
);

export default function Plot({ times, series, kind, format }: ChartProps) {
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<UPlot | null>(null);
  const drawn = darkness.use();
  const names = series.map(({ name }) => name).join();
  const data: UPlot.AlignedData = [times, ...stacked(kind, series)];

  const latest = useRef({ data, series, format });
  latest.current = { data, series, format };
  useEffect(() => {
    const element = place.current;
    if (!element) return;
    const made = new UPlot(
      options(element.clientWidth, kind, latest.current.series, latest.current.format),
      latest.current.data,
      element,
    );
    plot.current = made;
    const watch = new ResizeObserver(() =>
      made.setSize({ width: element.clientWidth, height: HEIGHT_PX }),
    );
    watch.observe(element);
    return () => {
      watch.disconnect();
      made.destroy();
      plot.current = null;
    };
  }, [drawn, kind, names]);
  useEffect(() => plot.current?.setData(data));
  return <div ref={place} />;
}

// Bars stand on each other: the last is drawn first and is as high as all together.
function stacked(kind: ChartProps["kind"], series: ChartProps["series"]): (number | null)[][] {
  if (kind === "lines") return series.map(({ values }) => values);
  const sums: number[] = [];
  return series
    .map(({ values }) =>
      values.map((value, index) => (sums[index] = (sums[index] ?? 0) + (value ?? 0))),
    )
    .reverse();
}

function options(
  width: number,
  kind: ChartProps["kind"],
  series: ChartProps["series"],
  format: ChartProps["format"],
): Options {
  const color = (name: string) =>
    getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
  const axis = {
    stroke: color("dim"),
    font: "11px system-ui, sans-serif",
    grid: { stroke: color("line-soft"), width: 1 },
    ticks: { show: false },
  };
  const line = ({ color: name }: { color: string }): PlotSeries =>
    kind === "bars"
      ? {
          fill: color(name),
          width: 0,
          points: { show: false },
          paths: UPlot.paths.bars?.({ size: [0.8, 24] }),
        }
      : { stroke: color(name), width: 1.5, points: { size: 4 }, spanGaps: true };
  const inOrder = kind === "bars" ? [...series].reverse() : series;
  return {
    width,
    height: HEIGHT_PX,
    legend: { show: false },
    cursor: { show: false },
    scales: { x: { time: true }, y: { range: (_, __, max) => [0, Math.max(1, max * 1.1)] } },
    series: [{}, ...inOrder.map(line)],
    axes: [axis, { ...axis, size: 56, values: (_, splits) => splits.map(format) }],
  };
}
