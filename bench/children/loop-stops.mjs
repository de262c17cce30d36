// Loaded before a service: notes the longest time for which its loop stood still, and tells it to whoever asks.
const STEP_MS = 5;

let longestMs = 0;
let last = performance.now();

setInterval(() => {
  const now = performance.now();
  longestMs = Math.max(longestMs, now - last - STEP_MS);
  last = now;
}, STEP_MS).unref();

process.on("message", () => {
  process.send(longestMs);
  longestMs = 0;
});
process.channel?.unref();
