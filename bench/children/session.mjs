// What others feel of a session of the database: in a thread, it spends the CPU time that it is asked for.
import { parentPort } from "node:worker_threads";

export function spend(us) {
  const until = performance.now() + us / 1_000;
  while (performance.now() < until);
}

parentPort?.on("message", (us) => parentPort?.postMessage(spend(us)));
