// What npm does between a supervisor and a command: it runs it in a shell, and passes SIGTERM on to the shell alone.
import { SECOND } from "../kernel/duration.ts";

const LOOK_MS = SECOND / 4;

// A script that is nothing but this command, like `PORT=80 posthorn serve`. Where there is more, the shell may end and mean us to stay.
const ALONE = /^(\w+=\S* )*'?(\S*\/)?posthorn'?( [^&|;]*)?$/;

/**
 * Calls `act` when the shell is gone in which `npx posthorn …`, or a script of package.json that is no more than that, runs this process.
 * Otherwise it would be left behind at its address. Where the signal came to all of them, it has come here too.
 */
export function whenNpmShellEnds(
  act: () => void,
  env: Readonly<Record<string, string | undefined>> = process.env,
): void {
  if (!ALONE.test(env["npm_lifecycle_script"] ?? "")) return;
  const shell = process.ppid;
  const timer = setInterval(() => {
    if (process.ppid === shell) return;
    clearInterval(timer);
    act();
  }, LOOK_MS).unref();
}
