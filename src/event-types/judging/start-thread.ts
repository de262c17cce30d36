// Starts a judging thread from the file that lies beside this one: built, bundled, or as source.
import { Worker } from "node:worker_threads";

import { READY, type Answer, type Question, type ThreadData } from "./messages.ts";

// Compiled schemas take some tens of MiB at most; what takes more is no honest one.
const RESOURCES = { maxOldGenerationSizeMb: 256, maxYoungGenerationSizeMb: 32, stackSizeMb: 4 };

const ENTRY = import.meta.url.endsWith(".ts") ? "./thread-from-source.mjs" : "./thread.js";

export type Thread = {
  ask(question: Question): void;
  end(): Promise<void>;
};

/** Starts a thread. `ended` is called when it ended, whoever ended it; `wasReady` is false where it could not start. */
export type StartThread = (listeners: {
  answered: (answer: Answer) => void;
  ended: (error: Error | undefined, wasReady: boolean) => void;
}) => Thread;

/** Starts one that takes what others leave of the machine where it `yields`. */
export const starting =
  ({ yields }: { yields: boolean }): StartThread =>
  ({ answered, ended }) => {
    const worker = new Worker(new URL(ENTRY, import.meta.url), {
      name: "judging",
      resourceLimits: RESOURCES,
      workerData: { yields } satisfies ThreadData,
      execArgv: [],
      env: {}, // no setting is of use to it, and some are secrets
    });
    let why: Error | undefined;
    let wasReady = false;
    worker.unref();
    worker.on("message", (said: Answer | typeof READY) => {
      if (said === READY) wasReady = true;
      else answered(said);
    });
    worker.on("error", (error: Error) => (why = error));
    worker.on("exit", () => ended(why, wasReady));
    return {
      ask: (question) => worker.postMessage(question),
      end: async () => {
        await worker.terminate();
      },
    };
  };
