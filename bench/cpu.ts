// CPU time, read from /proc, where there is one.
import { readdirSync, readFileSync } from "node:fs";

const TICK_US = 10_000; // of /proc/<pid>/stat: 100 a second

/** CPU time that a process has used, in µs; not a number where there is no /proc. */
export function cpuUs(pid: number): number {
  const { own } = times(pid) ?? { own: Number.NaN };
  return own;
}

/** The same of a server that forks: with its children, those that have ended too. */
export function cpuUsOfTree(pid: number): number {
  const root = times(pid);
  if (!root) return Number.NaN;
  const children = readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map((name) => times(Number(name)))
    .filter((each) => each?.parent === pid);
  return root.own + root.ended + children.reduce((sum, child) => sum + (child?.own ?? 0), 0);
}

/** The parent of a process. */
export function parentOf(pid: number): number {
  return times(pid)?.parent ?? Number.NaN;
}

function times(pid: number): { parent: number; own: number; ended: number } | undefined {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, "utf8")
      .replace(/^.*\) /s, "")
      .split(" ")
      .map(Number);
    const [parent = 0] = fields.slice(1);
    const [user = 0, system = 0, userOfEnded = 0, systemOfEnded = 0] = fields.slice(11);
    return {
      parent,
      own: (user + system) * TICK_US,
      ended: (userOfEnded + systemOfEnded) * TICK_US,
    };
  } catch {
    return undefined;
  }
}
