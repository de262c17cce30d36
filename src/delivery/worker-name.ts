// What a worker is called in the record of attempts.
import { hostname } from "node:os";

import { VERSION } from "../kernel/version.ts";

/** The machine, the process and the program's version, which its requests tell too: `host:pid/version`. */
export function workerName(): string {
  return `${hostname()}:${process.pid}/${VERSION}`;
}
