// How far an export or an import is: a line now and then, for whoever waits.
import type { MonotonicClock } from "../../kernel/clock.ts";
import { SECOND } from "../../kernel/duration.ts";
import type { Progress } from "../../database/transfer/export.ts";
import type { Terminal } from "../terminal.ts";

const TELL_EVERY_MS = 2 * SECOND;
const MB = 1_000_000;

/** Tells at times of which table how much has gone through. */
export function tellProgress({ err }: Terminal, monotonic: MonotonicClock): Progress {
  let toldAt = monotonic();
  let bytes = 0;
  return (table, passed) => {
    bytes += passed;
    if (monotonic() - toldAt < TELL_EVERY_MS) return;
    toldAt = monotonic();
    err.write(`${(bytes / MB).toFixed(1)} MB, now posthorn.${table}\n`);
  };
}

/** What has gone through, in words. */
export function sumOf(tables: readonly { rows: number; bytes: number }[]) {
  const rows = tables.reduce((sum, each) => sum + each.rows, 0);
  const bytes = tables.reduce((sum, each) => sum + each.bytes, 0);
  return { rows, bytes, inWords: `${rows} rows, ${(bytes / MB).toFixed(1)} MB` };
}
