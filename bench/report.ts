// Figures, and the tables they are read in.

/** What a figure has to reach. */
export type Goal = { atLeast: number } | { atMost: number };

export type Figure = { name: string; unit: string; values: number[]; goal: Goal | undefined };

export type Percentiles = {
  count: number;
  p50: number;
  p90: number;
  p95: number;
  p99: number;
  max: number;
};

/** Figures by name, in the order in which they were first noted. */
export type Figures = {
  note(name: string, value: number, unit: string, goal?: Goal): void;
  median(name: string): number;
  all(): Figure[];
};

export function createFigures(): Figures {
  const figures = new Map<string, Figure>();
  return {
    note(name, value, unit, goal) {
      const figure = figures.get(name) ?? { name, unit, values: [], goal };
      figure.values.push(value);
      figures.set(name, figure);
    },
    median: (name) => median(figures.get(name)?.values ?? []),
    all: () => [...figures.values()],
  };
}

export function median(values: readonly number[]): number {
  return at(sorted(values), 0.5);
}

export function percentiles(values: readonly number[]): Percentiles {
  const ms = sorted(values);
  return {
    count: ms.length,
    p50: at(ms, 0.5),
    p90: at(ms, 0.9),
    p95: at(ms, 0.95),
    p99: at(ms, 0.99),
    max: ms.at(-1) ?? Number.NaN,
  };
}

/** The figures as a Markdown table, each goal with whether its median reaches it. */
export function figureTable(figures: readonly Figure[]): string {
  return table(
    ["figure", "min", "median", "max", "", "goal", ""],
    figures.map(({ name, values, unit, goal }) => [
      name,
      shown(Math.min(...values)),
      shown(median(values)),
      shown(Math.max(...values)),
      unit,
      goal ? goalText(goal) : "",
      goal ? (isReached(goal, median(values)) ? "met" : "**missed**") : "",
    ]),
  );
}

/** A Markdown table, so that it can go into docs/performance.md as it is. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((title, column) =>
    Math.max(3, title.length, ...rows.map((row) => row[column]?.length ?? 0)),
  );
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(" | ")} |`;
  return [line(head), line(widths.map((width) => "-".repeat(width))), ...rows.map(line)].join("\n");
}

/** A number with as many digits as it is worth. */
function shown(value: number): string {
  if (Number.isNaN(value)) return "?";
  if (Math.abs(value) >= 100) return Math.round(value).toLocaleString("en");
  return value.toFixed(Math.abs(value) >= 10 ? 1 : 2);
}

function goalText(goal: Goal): string {
  return "atLeast" in goal ? `≥ ${shorter(goal.atLeast)}` : `≤ ${shorter(goal.atMost)}`;
}

function shorter(value: number): string {
  return value.toLocaleString("en");
}

function isReached(goal: Goal, value: number): boolean {
  return "atLeast" in goal ? value >= goal.atLeast : value <= goal.atMost;
}

function sorted(values: readonly number[]): number[] {
  return [...values].sort((a, b) => a - b);
}

function at(ordered: readonly number[], share: number): number {
  return ordered[Math.min(ordered.length - 1, Math.floor(ordered.length * share))] ?? Number.NaN;
}
