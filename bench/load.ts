// Publishers in a process of their own.
import { setTimeout as sleep } from "node:timers/promises";

import { message, start } from "./children.ts";
import type { PublisherOptions } from "./children/publisher.ts";
import type { Percentiles } from "./report.ts";
import type { Stage } from "./stage.ts";

const WARM_S = 10; // a fresh process takes 75 ms for what it takes 3 for once its code is compiled
const STRAGGLERS_S = 5; // after the last publish; what comes later still, or never, is late without limit
const STEP_MS = 100;

/** A steady rate of events, and the paths at the receiver that are looked at: of all channels, unless given. */
export type SteadyLoad = Omit<PublisherOptions, "load"> & { perSecond: number; paths?: string[] };

/** How late all came that was published, and which share had come by the end of the last publish. */
export type Arrived = Percentiles & { share: number };

/** Publishes for some seconds so that all is warm. */
export async function warmUp(
  stage: Stage,
  { perSecond, paths: _, ...rest }: SteadyLoad,
): Promise<void> {
  await runPublisher({ ...rest, seconds: stage.seconds(WARM_S), load: { perSecond } });
}

/** Publishes at a steady rate, and answers how it reached the receiver. */
export async function publishSteadily(
  stage: Stage,
  { perSecond, paths, ...rest }: SteadyLoad,
): Promise<Arrived> {
  await stage.receiver.reset();
  const seconds = stage.seconds(rest.seconds);
  const { events } = await runPublisher<{ events: number }>({
    ...rest,
    seconds,
    load: { perSecond },
  });
  const share = (paths?.length ?? rest.channels.length) / rest.channels.length;
  const expected = Math.floor(events * share);
  const atEnd = await stage.receiver.latencies({ paths });
  let timed = atEnd;
  for (let left = STRAGGLERS_S * 1_000; timed.count < expected && left > 0; left -= STEP_MS) {
    await sleep(STEP_MS);
    timed = await stage.receiver.latencies({ paths });
  }
  if (timed.count < expected) timed = await stage.receiver.latencies({ paths, expected });
  return { ...timed, share: atEnd.count / expected };
}

/** Runs a publisher to its end, and answers what it says. */
export function runPublisher<T>(options: PublisherOptions): Promise<T> {
  const child = start(new URL("./children/publisher.ts", import.meta.url));
  child.send(options);
  return message<T>(child);
}
