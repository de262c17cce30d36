// Pictures of figures, as SVG.
import { init, type EChartsOption } from "echarts";

import { median, type Figure } from "./report.ts";

const WIDTH = 820;
const ROW_HEIGHT = 28;
const LINE_HEIGHT = 22;
const NAMES_WIDTH = 250; // echarts can only guess how wide a text is where there is no browser
const INK = "#1f4e79";
const PALE = "#9db9d3";
const COLOURS = [INK, PALE, "#b3541e", "#e8b48a"];

/** One bar a figure, at its median, with a whisker from the least to the greatest; those of others are pale. */
export function barChart(
  title: string,
  figures: readonly Figure[],
  isOurs: (name: string) => boolean = () => true,
): string {
  const rows = [...figures].reverse(); // the axis counts upwards
  const limits = rows.map(({ values }) => [Math.min(...values), Math.max(...values)] as const);
  return draw(100 + rows.length * ROW_HEIGHT, {
    title: { text: title, textStyle: { fontSize: 14 } },
    grid: { left: NAMES_WIDTH, right: 40, top: 40, bottom: 30 },
    xAxis: { type: "value" },
    yAxis: { type: "category", data: rows.map(({ name }) => name) },
    series: [
      {
        type: "bar",
        barWidth: 16,
        data: rows.map(({ name, values }) => ({
          value: Math.round(median(values)),
          itemStyle: { color: isOurs(name) ? INK : PALE },
        })),
      },
      {
        type: "custom",
        z: 3,
        data: limits.map(([from, to], row) => [from, to, row]),
        renderItem: (_, api) => {
          const [from = 0, y = 0] = api.coord([api.value(0), api.value(2)]);
          const [to = 0] = api.coord([api.value(1), api.value(2)]);
          const points = [
            [from, y - 4],
            [from, y + 4],
            [from, y],
            [to, y],
            [to, y - 4],
            [to, y + 4],
          ];
          return { type: "polyline", shape: { points }, style: { stroke: "#888", fill: "none" } };
        },
      },
    ],
  });
}

/** Bars in groups: one group a category, one colour a series. */
export function groupedBars(
  title: string,
  categories: readonly string[],
  series: readonly { name: string; values: readonly number[] }[],
): string {
  return draw(320 + series.length * LINE_HEIGHT, {
    title: { text: title, textStyle: { fontSize: 14 } },
    legend: { top: 30, left: 60, orient: "vertical" },
    grid: { left: 60, right: 20, top: 50 + series.length * LINE_HEIGHT, bottom: 30 },
    xAxis: { type: "category", data: [...categories] },
    yAxis: { type: "log" },
    series: series.map(({ name, values }) => ({
      type: "bar",
      name,
      data: values.map((value) => Number(value.toPrecision(3))),
      label: { show: true, position: "top" },
    })),
  });
}

function draw(height: number, option: EChartsOption): string {
  const chart = init(null, null, { renderer: "svg", ssr: true, width: WIDTH, height });
  chart.setOption({ backgroundColor: "#fff", color: COLOURS, animation: false, ...option });
  const svg = chart.renderToSVGString();
  chart.dispose();
  return `${svg}\n`;
}
