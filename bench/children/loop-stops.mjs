// Loaded before a service: notes the longest time for which its loop stood still by its own work, and tells it to whoever asks. What
// the thread waited for a processor, which others of the machine had, is no work of its own.
import { readFileSync } from "node:fs";

const STEP_MS = 5;

let longestMs = 0;
let last = now();

setInterval(() => {
  const next = now();
  longestMs = Math.max(longestMs, next - last - STEP_MS);
  last = next;
}, STEP_MS).unref();

process.on("message", () => {
  process.send(longestMs);
  longestMs = 0;
});
process.channel?.unref();

function now() {
  return performance.now() - waitedMs();
}

// The thread of the loop has the process's own number.
function waitedMs() {
  try {
    const [, waitedNs] = readFileSync(`/proc/self/task/${process.pid}/schedstat`, "utf8").split(
      " ",
    );
    return Number(waitedNs) / 1e6;
  } catch {
    return 0; // not on Linux
  }
}
