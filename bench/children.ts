// The processes that a run is made of.
import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const STOP_MS = 45_000; // the service drains for up to 30 s

/**
 * What a worker is started with, as docs/running.md recommends: a larger young generation is scavenged less often, which saves
 * about a tenth of a busy worker's CPU time. The clients and queues beside it get the same. Not where latency counts: each
 * scavenge takes longer (p99 of one process 16 ms without, 18 with it).
 */
const WORKER_FLAGS = ["--max-semi-space-size=64"];

/** What a service is started with where it has to ask the name server in BENCH_NAME_SERVER. */
export const NAME_SERVER = ["--import", new URL("children/name-server.mjs", import.meta.url).href];

/** What a worker is started with that is to keep no statistics. */
export const WITHOUT_STATS = [
  "--import",
  new URL("children/without-stats.mjs", import.meta.url).href,
];

/** What a worker is started with that is to count and trace nothing. */
export const WITHOUT_WATCHING = [
  "--import",
  new URL("children/without-watching.mjs", import.meta.url).href,
];

/** What a service is started with that is to tell for how long its loop stood still. */
export const LOOP_STOPS = ["--import", new URL("children/loop-stops.mjs", import.meta.url).href];

const WARNINGS = ["warn", "error", "fatal"];

const running = new Set<ChildProcess>();

/** A part of the service, as it is installed, in a process of its own. */
export type Service = {
  pid: number;
  url: string;
  child: ChildProcess;
  /** Its log's lines of a warning or worse. */
  warnings: string[];
  stop(): Promise<void>;
  /** As kill -9 does. */
  kill(): Promise<void>;
};

/** Starts a script of `children/` with tsx; it talks over IPC. By its URL, which knip follows. */
export function start(script: URL, ...args: string[]): ChildProcess {
  const child = fork(fileURLToPath(script), args, {
    execArgv: [...WORKER_FLAGS, "--import", "tsx"],
    serialization: "advanced", // JSON has no infinity
  });
  return register(child);
}

/** Starts `posthorn <role>` from dist, and resolves once it is ready. */
export async function startService(
  role: string,
  env: NodeJS.ProcessEnv,
  execArgv: string[] = [],
): Promise<Service> {
  const child = fork(fileURLToPath(new URL("../dist/cli/index.js", import.meta.url)), [role], {
    execArgv: [...(role === "worker" ? WORKER_FLAGS : []), ...execArgv], // and not this process's own, or it would load tsx too
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "ignore", "ipc"], // what is meant for a person is not for the table's reader
  });
  register(child);
  const warnings: string[] = [];
  const lines = createInterface({ input: child.stdout! });
  const url = await new Promise<string>((resolve, reject) => {
    lines.on("line", (line) => {
      const entry = JSON.parse(line) as { level: string; msg: string; url: string };
      if (entry.msg === "ready") resolve(entry.url);
      if (WARNINGS.includes(entry.level)) warnings.push(line);
    });
    child.once("exit", (code) => reject(new Error(`posthorn ${role} ended with ${code}`)));
  });
  const kill = async () => {
    child.kill("SIGKILL");
    await once(child, "exit");
  };
  return { pid: child.pid!, url, child, warnings, stop: () => stop(child), kill };
}

/** The next message of a child; fails where the child ends instead. */
export function message<T>(child: ChildProcess): Promise<T> {
  return new Promise((resolve, reject) => {
    const ended = (code: number | null) => {
      child.off("message", told);
      reject(new Error(`${child.spawnargs.find((arg) => arg.endsWith(".ts"))} ended with ${code}`));
    };
    const told = (answer: unknown) => {
      child.off("exit", ended);
      resolve(answer as T);
    };
    child.once("exit", ended).once("message", told);
  });
}

export async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, "exit");
  child.kill("SIGTERM");
  const impatience = setTimeout(() => child.kill("SIGKILL"), STOP_MS);
  await exited;
  clearTimeout(impatience);
}

/** Ends what is left of a run that broke off, but for one that others still need. */
export async function stopAll(exceptPid?: number): Promise<void> {
  await Promise.all([...running].filter(({ pid }) => pid !== exceptPid).map(stop));
}

/** Memory that a process holds, in MB; not a number where there is no /proc. */
export function residentMb(pid: number): number {
  try {
    const kb = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
    return Number(kb) / 1024;
  } catch {
    return Number.NaN;
  }
}

function register(child: ChildProcess): ChildProcess {
  running.add(child);
  return child.once("exit", () => running.delete(child));
}
