// Publishers in a process of their own.
import { message, start } from "./children.ts";
import type { PublisherOptions } from "./children/publisher.ts";
import type { Percentiles } from "./report.ts";
import type { Stage } from "./stage.ts";

const WARM_S = 4;

/** A steady rate of events, and the paths at the receiver that are looked at: of all channels, unless given. */
export type SteadyLoad = Omit<PublisherOptions, "load"> & { perSecond: number; paths?: string[] };

/** How late it came, and which share of what was published had come when the last was. */
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
  const timed = await stage.receiver.latencies(paths);
  const expected = events * ((paths?.length ?? rest.channels.length) / rest.channels.length);
  return { ...timed, share: timed.count / expected };
}

/** Runs a publisher to its end, and answers what it says. */
export function runPublisher<T>(options: PublisherOptions): Promise<T> {
  return message<T>(start("publisher.ts", JSON.stringify(options)));
}
