// What a worker is called: in the record of attempts, and in the roll of workers.
import { randomInt } from "node:crypto";
import { hostname } from "node:os";

import { VERSION } from "../kernel/version.ts";

/** The machine, the process and the program's version, which its requests tell too: `host:pid/version`. */
export function workerName(): string {
  return `${hostname()}:${process.pid}/${VERSION}`;
}

/** A number that no other worker has. */
export function drawWorker(): number {
  return randomInt(2 ** 48 - 1);
}
