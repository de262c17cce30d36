// The machine's monotonic clock, which all processes of a run share: it tells when something was meant and when it came.

/** Milliseconds since the machine started. */
export function nowMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}
