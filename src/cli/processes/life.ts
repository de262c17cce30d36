// One process of several, as its supervisor sees it: from its fork to its end.
import cluster from "node:cluster";

import { SECOND } from "../../kernel/duration.ts";
import type { Log } from "../../kernel/log.ts";
import type { Service } from "../../service.ts";
import { createDialogue, type Answers, type Dialogue } from "./dialogue.ts";

const PULSE_EVERY_MS = 10 * SECOND;
const PULSES_MISSED_MAX = 6; // a minute: loading, judging and collecting garbage take less

/** What a process tells once it serves. */
export type Started = Pick<Service, "url" | "newAdminKey" | "embeddedUrl" | "reachesLoopback">;

export type End = { code: number | null; signal: string | null };

export type Life = Pick<Dialogue, "ask"> & {
  pid: number | undefined;
  /** Resolves when it serves; never where it ends before. */
  served: Promise<Started>;
  over: Promise<End>;
  /** Has it finish what it does and end. */
  stop(): void;
  kill(): void;
};

/** Starts a process. It is ended where it has not answered for a minute. */
export function startLife(env: Record<string, string>, answers: Answers, log: Log): Life {
  const worker = cluster.fork(env);
  const { pid } = worker.process;
  let serves: (started: Started) => void;
  const served = new Promise<Started>((resolve) => (serves = resolve));
  const dialogue = createDialogue(
    (message) => worker.isConnected() && (worker.send(message, ignored), true),
    { ...answers, started: (given: Started) => serves(given) },
  );
  worker.on("message", (message) => dialogue.hear(message));

  let missed = 0;
  const pulse = setInterval(() => {
    missed += 1;
    if (missed <= PULSES_MISSED_MAX)
      return void dialogue.ask("pulse").then(() => (missed = 0), ignored);
    log.error({ process: pid }, "a process has not answered for a minute; it is ended");
    kill();
  }, PULSE_EVERY_MS);

  const over = new Promise<End>((resolve) => {
    worker.once("exit", (code: number | null, signal: string | null) => resolve({ code, signal }));
    worker.on("error", (err) => {
      log.error({ err, process: pid }, "a process can't be started, or reached");
      if (pid === undefined) resolve({ code: 1, signal: null });
    });
  });
  void over.then(() => clearInterval(pulse));
  const kill = () => void worker.process.kill("SIGKILL");
  const stop = () => void dialogue.ask("stop").catch(ignored);
  return { pid, ask: dialogue.ask, served, over, stop, kill };
}

const ignored = () => {};
