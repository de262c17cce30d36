// The processes of a command: as many as are wanted, each started again when it ends.
import { monotonic } from "../../kernel/clock.ts";
import type { Log } from "../../kernel/log.ts";
import type { End, Life, Started } from "./life.ts";
import { countEnds, restartWaitMs } from "./restart-wait.ts";

export type Fleet = {
  /** Those that serve. */
  readonly serving: readonly Life[];
  /** How often one was started again. */
  readonly restarts: number;
  /** Starts one, and the others once it serves: what keeps it from serving keeps them all. Answers its end where it ends first. */
  start(): Promise<Started | End>;
  /** Has all of them finish what they do; answers how they ended. */
  stop(): Promise<End[]>;
  kill(): void;
};

export type FleetOptions = {
  size: number;
  launch: () => Life;
  log: Log;
  /** Told of each that serves, and of each that has ended. */
  served(life: Life, started: Started): void;
  ended(life: Life): void;
};

/** Creates the fleet; none of it runs yet. */
export function createFleet({ size, launch, log, served, ended }: FleetOptions): Fleet {
  const living = new Set<Life>();
  const serving = new Set<Life>();
  const waiting = new Set<NodeJS.Timeout>();
  let isOpen = false; // whether one has served
  let isStopping = false;
  let restarts = 0;
  let stopped: Promise<End[]> | undefined;

  function fill(ends: number): Life {
    const startedAt = monotonic();
    const life = launch();
    const { pid } = life;
    living.add(life);
    void life.served.then((started) => {
      serving.add(life);
      log.info({ process: pid }, "a process serves");
      served(life, started);
    });
    void life.over.then((end) => {
      living.delete(life);
      serving.delete(life);
      ended(life);
      if (isStopping || !isOpen) return;
      const sofar = countEnds(ends, monotonic() - startedAt);
      const waitMs = restartWaitMs(sofar);
      log.error({ process: pid, ...end, waitMs }, "a process has ended; it is started again");
      const again = setTimeout(() => {
        waiting.delete(again);
        restarts += 1;
        fill(sofar);
      }, waitMs);
      waiting.add(again);
    });
    return life;
  }

  return {
    get serving() {
      return [...serving];
    },
    get restarts() {
      return restarts;
    },
    async start() {
      const first = fill(0);
      const outcome = await Promise.race([first.served, first.over]);
      if ("url" in outcome && !isStopping) {
        isOpen = true;
        for (let n = 1; n < size; n++) fill(0);
      }
      return outcome;
    },
    stop() {
      isStopping = true;
      for (const timer of waiting) clearTimeout(timer);
      for (const life of stopped ? [] : living) life.stop();
      return (stopped ??= Promise.all([...living].map(({ over }) => over)));
    },
    kill() {
      for (const life of living) life.kill();
    },
  };
}
