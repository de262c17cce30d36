// npm run chaos: proof that nothing is lost. `-- --help` says what it takes.
import { execFileSync } from "node:child_process";
import { cpus } from "node:os";
import { parseArgs } from "node:util";

import { table } from "../bench/report.ts";
import { SECOND } from "../src/kernel/duration.ts";
import { now } from "./clock.ts";
import { failuresOf, type Verdict } from "./judgement.ts";
import { diskRow, rowsAt, runRow, SHORT, SHORT_CELLS, type Row } from "./rows.ts";
import { endWorlds } from "./world.ts";

const LINES_MAX = 40; // of what explains a failed row
const LINE_MAX = 400;

const { values } = parseArgs({
  options: {
    short: { type: "boolean", default: false },
    only: { type: "string" },
    scale: { type: "string", default: "1" },
    jobs: { type: "string", default: "2" }, // most of a row is waiting for a lease or a fault to end
    help: { type: "boolean", short: "h", default: false },
  },
});

if (values.help) {
  process.stdout.write(usage(rowsAt(1)));
  process.exit(0);
}

const scale = Number(values.scale);
const disk = values.short ? undefined : await diskRow(scale);
const all = values.short ? [SHORT, SHORT_CELLS] : [...rowsAt(scale), ...(disk ? [disk.row] : [])];
const names = values.only?.split(",") ?? all.map(({ name }) => name);
const unknown = names.filter((name) => !all.some((row) => row.name === name));
if (unknown.length > 0)
  throw new Error(`no row ${unknown.join(", ")}: ${all.map(({ name }) => name).join(", ")}`);
const chosen = all.filter(({ name }) => names.includes(name));
const verdicts = new Map<Row, Verdict>();
const commit = execFileSync("git", ["rev-parse", "--short", "HEAD"]).toString().trim();
const startedAt = now();
let failed = 0;

for (const signal of ["SIGINT", "SIGTERM"] as const)
  process.once(signal, () => void endWorlds().finally(leave));

try {
  for (const row of chosen) if (row.isAlone) await run(row);
  const rest = chosen.filter(({ isAlone }) => !isAlone);
  await Promise.all(
    Array.from({ length: Number(values.jobs) }, async () => {
      for (let row = rest.shift(); row; row = rest.shift()) await run(row);
    }),
  );
  report();
} finally {
  await disk?.unmount();
}
process.exit(failed === 0 ? 0 : 1);

function usage(rows: readonly Row[]): string {
  const lines = [
    ...rows,
    { name: "disk", title: "disk full 20 s; skipped where this user may not mount one" },
  ].map(({ name, title }) => `  ${name.padEnd(16)}${title}`);
  return `npm run chaos -- [options]: faults on purpose, and what was lost (nothing)

  --short           one of each in one load, about a minute
  --only cut,late   these rows alone
  --scale 0.1       smaller counts and durations, or larger
  --jobs 2          rows at a time

Rows:
${lines.join("\n")}
`;
}

async function leave(): Promise<void> {
  await disk?.unmount();
  process.exit(1);
}

async function run(row: Row): Promise<void> {
  const begun = now();
  try {
    const verdict = await runRow(row);
    verdicts.set(row, verdict);
    const failures = failuresOf(verdict, row.resumeMsMax);
    tell(row, begun, failures.length === 0 ? [] : [...failures, ...verdict.background]);
  } catch (error) {
    tell(row, begun, [String((error as Error).stack)]);
  }
}

function tell({ name, title }: Row, begun: number, failures: readonly string[]): void {
  if (failures.length > 0) failed += 1;
  const mark = failures.length === 0 ? "✓" : "✗";
  process.stdout.write(`${mark} ${name}: ${title} (${seconds(now() - begun)})\n`);
  for (const failure of failures.slice(0, LINES_MAX))
    process.stdout.write(`    ${failure.slice(0, LINE_MAX)}\n`);
}

function report(): void {
  const head = ["fault", "acknowledged", "lost", "ghosts", "repeated", "in flight", "refused"];
  const rows = chosen.flatMap((row) => {
    const verdict = verdicts.get(row);
    if (!verdict) return [];
    const { acknowledged, lost, ghosts, repeated, inFlight, refused } = verdict;
    const { firstAgainMs, resumeMs, longestMs } = verdict;
    return [
      [
        row.title,
        ...[acknowledged, lost, ghosts, repeated, inFlight, refused].map(count),
        ...[firstAgainMs, resumeMs, longestMs].map(seconds),
      ],
    ];
  });
  process.stdout.write(
    `\n${cpus().length} × ${cpus()[0]?.model ?? "?"}, Node ${process.version}, commit ${commit}, scale ${scale}, ${seconds(now() - startedAt)}\n\n` +
      `${table([...head, "first again", "longest resume", "longest"], rows)}\n\n` +
      (disk || values.short ? "" : "disk full: skipped, this user may not mount a disk\n") +
      `${chosen.length} rows, ${failed} failed\n`,
  );
}

function count(value: number): string {
  return value.toLocaleString("en");
}

function seconds(ms: number | null): string {
  return ms === null ? "" : `${(ms / SECOND).toFixed(1)} s`;
}
