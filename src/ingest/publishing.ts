// Publishes many messages at once, and finds those that are refused among them: the others go on.
import type { Event } from "./event.ts";

/** What became of one call, of which all events are stored or none. */
export type Outcome =
  | { kind: "stored"; duplicates: number }
  /** `issues` name events by their place, `events.3.type`, where the service could tell. */
  | { kind: "refused"; message: string; issues: readonly { path: string; message: string }[] }
  /** Nobody answered, or not now; whether it is stored may not be known. The same events may be sent again. */
  | { kind: "away"; reason: string };

/** Makes one call. Throws where no call can succeed, like one with a key that is not valid. */
export type Publish = (events: readonly Event[]) => Promise<Outcome>;

export type Published<Item> = {
  stored: number;
  duplicates: number;
  refused: { item: Item; reason: string }[];
};

/**
 * Publishes all of them but those that are refused. `wait` is called while the service is away, with how often it was in a row, and throws where
 * nobody wants to wait any more. A list that is refused is sent again without those that are named, in halves: one bad
 * among a thousand costs three calls.
 */
export async function publishAll<Item extends { event: Event }>(
  publish: Publish,
  items: readonly Item[],
  wait: (reason: string, times: number) => Promise<void>,
): Promise<Published<Item>> {
  const all: Published<Item> = { stored: 0, duplicates: 0, refused: [] };
  const pending: (readonly Item[])[] = [items];
  for (let list = pending.shift(); list; list = pending.shift()) {
    if (list.length === 0) continue;
    const outcome = await patiently(publish, list, wait);
    if (outcome.kind === "stored") {
      all.stored += list.length - outcome.duplicates;
      all.duplicates += outcome.duplicates;
      continue;
    }
    const bad = refusedOf(list, outcome);
    all.refused.push(...bad);
    const isBad = new Set(bad.map(({ item }) => item));
    const rest = list.filter((item) => !isBad.has(item));
    const half = Math.ceil(rest.length / 2);
    pending.unshift(rest.slice(0, half), rest.slice(half)); // in their order
  }
  return all;
}

async function patiently(
  publish: Publish,
  items: readonly { event: Event }[],
  wait: (reason: string, times: number) => Promise<void>,
) {
  for (let times = 1; ; times++) {
    const outcome = await publish(items.map(({ event }) => event));
    if (outcome.kind !== "away") return outcome;
    await wait(outcome.reason, times);
  }
}

function refusedOf<Item>(
  list: readonly Item[],
  { message, issues }: Outcome & { kind: "refused" },
): { item: Item; reason: string }[] {
  const [only] = list;
  if (only !== undefined && list.length === 1) return [{ item: only, reason: message }];
  const reasons = new Map<Item, string>();
  for (const { path, message } of issues) {
    const [, index, field = ""] = /^events\.(\d+)\.?(.*)$/.exec(path) ?? [];
    const item = index === undefined ? undefined : list[Number(index)];
    if (item !== undefined && !reasons.has(item))
      reasons.set(item, field === "" ? message : `${field}: ${message}`);
  }
  return [...reasons].map(([item, reason]) => ({ item, reason }));
}
