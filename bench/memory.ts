// How much more memory a process takes while something happens to it.
import { residentMb } from "./children.ts";

const STEP_MS = 250;

/** Watches from now on; `stop` answers by how many MB the process held more at its worst than at first. */
export function watchMemory(pid: number): { stop(): number } {
  const first = residentMb(pid);
  let most = first;
  const timer = setInterval(() => (most = Math.max(most, residentMb(pid))), STEP_MS).unref();
  return {
    stop() {
      clearInterval(timer);
      return most - first;
    },
  };
}
