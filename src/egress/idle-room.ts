// How many connections to receivers stay open between two requests.
import { readFileSync } from "node:fs";
import { totalmem } from "node:os";

// One for each slot of the default concurrency; not fewer for each receiver, since many may lead to one host.
const LEAST = 256;

// Thousands of receivers, each with a host of its own, are sent to without a handshake, which costs ten times what a request
// over a kept connection does (docs/decisions/0056).
const MOST = 10_000;

const BYTES_OF_ONE = 67 * 1024; // over TLS; 18 KB without (docs/decisions/0049)
const SHARE_OF_MEMORY = 1 / 16; // 128 MB of 2 GB: 1,900 connections

const OPEN_FILES = /^Max open files\s+(\d+|unlimited)/m;

/**
 * Answers how many, beside so many requests in flight: of the files that this process may open half are left to those, to the database
 * and to callers, and of the memory all but a share. `limits` is what Linux says of the process; where nothing is said, there is room for the least.
 */
export function idleRoom(
  concurrency: number,
  limits = readLimits(),
  memory = memoryAllowed(),
): number {
  const said = OPEN_FILES.exec(limits)?.[1] ?? "0";
  const files = said === "unlimited" ? Infinity : Number(said);
  const held = Math.floor((memory * SHARE_OF_MEMORY) / BYTES_OF_ONE);
  const room = Math.min(MOST, Math.floor(files / 2) - concurrency, held);
  return Math.max(LEAST, concurrency, room);
}

// The machine's, or what a container's limit leaves of it.
function memoryAllowed(): number {
  return Math.min(totalmem(), process.constrainedMemory() || Infinity);
}

function readLimits(): string {
  try {
    return readFileSync("/proc/self/limits", "utf8");
  } catch {
    return "";
  }
}
