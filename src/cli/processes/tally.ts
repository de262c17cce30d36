// /metrics of several processes: their sum, in which nothing that was counted is lost with a process that ends.
import { countedOf, printSum, type Report, type Scrape, type Series } from "../../metrics/sum.ts";
import { createSupervisorSeries } from "../../metrics/supervisor.ts";
import type { Fleet } from "./fleet.ts";
import type { Life } from "./life.ts";

export type Tally = {
  /** The sum, of those that serve now and of what others have counted before. */
  scrape(): Promise<Scrape>;
  /** Keeps what a process that has ended had counted, as it was last heard. */
  ended(life: Life): void;
};

/** Creates the sum over a fleet. A process that does not answer in time is told as it was last heard. */
export function createTally(fleet: () => Pick<Fleet, "serving" | "restarts">): Tally {
  const heard = new Map<Life, Series[]>();
  const gone: Series[][] = [];
  let looking: Promise<Scrape> | undefined;
  const tellOwn = createSupervisorSeries(() => ({
    serving: fleet().serving.length,
    restarts: fleet().restarts,
  }));

  async function hear(life: Life): Promise<Series[]> {
    const report = (await life.ask("report").catch(() => undefined)) as Report | undefined;
    if (!report) return heard.get(life) ?? [];
    heard.set(life, report.own);
    return [...report.own, ...report.ofDatabase];
  }

  async function look(): Promise<Scrape> {
    const told = await Promise.all(fleet().serving.map(hear));
    // Two that end between two looks are one sum again.
    gone.splice(0, gone.length, await countedOf(gone));
    return printSum([...gone, ...told, await tellOwn()]);
  }

  return {
    scrape: () => (looking ??= look().finally(() => (looking = undefined))),
    ended(life) {
      gone.push(heard.get(life) ?? []);
      heard.delete(life);
    },
  };
}
