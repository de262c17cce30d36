// A signal that arrives during the start: clean up first, then let it do what it would have done.
import { StartError } from "../../kernel/errors.ts";

const SIGNALS = ["SIGINT", "SIGTERM"] as const; // not SIGHUP: nohup has it ignored, and a handler would undo that

/**
 * Runs `work` with a signal that aborts on SIGINT or SIGTERM. Once it has cleaned up, a process that does not
 * handle that signal itself dies of it, as it would have; one that does goes on with the rejection.
 */
export async function interruptible<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const interruption = new AbortController();
  let received: NodeJS.Signals | undefined;
  const interrupt = (name: NodeJS.Signals) => {
    received ??= name;
    interruption.abort(new StartError(`${name} came while the database was starting`));
  };
  for (const name of SIGNALS) process.on(name, interrupt);
  try {
    return await work(interruption.signal);
  } finally {
    for (const name of SIGNALS) process.off(name, interrupt);
    if (received && process.listenerCount(received) === 0) process.kill(process.pid, received);
  }
}
