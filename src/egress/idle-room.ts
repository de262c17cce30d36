// How many connections to receivers stay open between two requests.
import { readFileSync } from "node:fs";

// One for each slot of the default concurrency; not fewer for each receiver, since many may lead to one host.
const LEAST = 256;

// Thousands of receivers, each with a host of its own, are sent to without a handshake. An idle one takes 67 KB over TLS and 18
// without (docs/decisions/0049): 200 MB at most.
const MOST = 3_000;

const OPEN_FILES = /^Max open files\s+(\d+|unlimited)/m;

/**
 * Answers how many, beside so many requests in flight: of the files that this process may open half are left to those, to the database
 * and to callers. `limits` is what Linux says of the process; where nothing is said, there is room for the least.
 */
export function idleRoom(concurrency: number, limits = readLimits()): number {
  const said = OPEN_FILES.exec(limits)?.[1] ?? "0";
  const files = said === "unlimited" ? Infinity : Number(said);
  const room = Math.min(MOST, Math.floor(files / 2) - concurrency);
  return Math.max(LEAST, concurrency, room);
}

function readLimits(): string {
  try {
    return readFileSync("/proc/self/limits", "utf8");
  } catch {
    return "";
  }
}
