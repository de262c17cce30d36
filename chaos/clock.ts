// The one clock of the harness and its receiver: monotonic, and the same in every process of a machine.

/** Milliseconds since some moment, comparable between processes. */
export const now = (): number => Number(process.hrtime.bigint() / 1_000n) / 1_000;
