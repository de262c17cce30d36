// What a worker is called in the record of attempts.
import { hostname } from "node:os";

/** The machine and the process: `host:pid`. */
export function workerName(): string {
  return `${hostname()}:${process.pid}`;
}
