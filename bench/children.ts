// The processes that a benchmark is made of.
import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const TICK_US = 10_000; // of /proc/<pid>/stat: 100 a second

/** Starts a script of this folder with tsx; it talks over IPC. */
export function start(script: string, ...args: string[]): ChildProcess {
  return fork(fileURLToPath(new URL(script, import.meta.url)), args, {
    execArgv: ["--import", "tsx"],
  });
}

/** Starts the service as it is installed, from dist. */
export function startService(role: string, env: NodeJS.ProcessEnv): ChildProcess {
  return fork(fileURLToPath(new URL("../dist/cli.js", import.meta.url)), [role], {
    execArgv: [], // or the child would load tsx too, as this process has
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "ignore", "ipc"], // what is meant for a person is not for the table's reader
  });
}

/** The next message of a child; fails where the child ends instead. */
export function message<T>(child: ChildProcess): Promise<T> {
  return new Promise((resolve, reject) => {
    const ended = (code: number | null) => {
      child.off("message", told);
      reject(new Error(`${child.spawnargs.at(-1)} ended with ${code}`));
    };
    const told = (answer: unknown) => {
      child.off("exit", ended);
      resolve(answer as T);
    };
    child.once("exit", ended).once("message", told);
  });
}

/** Resolves with the URL once a service has logged that it is ready. */
export async function ready(child: ChildProcess): Promise<string> {
  let text = "";
  for await (const chunk of child.stdout ?? []) {
    text += String(chunk);
    const url = /"url":"([^"]+)".*"msg":"ready"/.exec(text)?.[1];
    if (url !== undefined) {
      child.stdout?.resume();
      return url;
    }
  }
  throw new Error(`the service ended before it was ready:\n${text}`);
}

export async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return;
  child.kill("SIGTERM");
  await once(child, "exit");
}

/** CPU time that a process has used, in µs; null where there is no /proc. */
export function cpuUs(pid: number | undefined): number | null {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, "utf8")
      .replace(/^.*\) /, "")
      .split(" ");
    return (Number(fields[11]) + Number(fields[12])) * TICK_US;
  } catch {
    return null;
  }
}

/** Memory that a process holds, in MB; null where there is no /proc. */
export function residentMb(pid: number | undefined): number | null {
  try {
    const kb = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
    return Number(kb) / 1024;
  } catch {
    return null;
  }
}
