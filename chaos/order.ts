// Whether the webhooks of an order got their events in it.
import { parseId, timeOfUuid } from "../src/kernel/ids.ts";
import { now } from "./clock.ts";
import type { Taken } from "./inbox.ts";

const MARGIN_MS = 100; // an id tells the database's clock, by the millisecond

/**
 * Says of each event that came too late: it had been acknowledged before one of the same webhook was published, and
 * came after that one.
 */
export function findOvertaken(
  events: readonly Taken[],
  acknowledged: ReadonlyMap<string, number>,
): string[] {
  const clockMs = Date.now() - now(); // the database's clock, as the harness's
  const lastPublished = new Map<string, { id: string; at: number }>(); // by webhook, of what has come
  const overtaken: string[] = [];
  for (const { id, path } of events.toSorted((a, b) => (a.at[0] ?? 0) - (b.at[0] ?? 0))) {
    const last = lastPublished.get(path);
    if (last && (acknowledged.get(id) ?? Infinity) + MARGIN_MS < last.at)
      overtaken.push(`out of order at ${path}: ${id} came after ${last.id}`);
    const at = timeOfUuid(parseId("evt", id) ?? "").getTime() - clockMs;
    if (!last || at > last.at) lastPublished.set(path, { id, at });
  }
  return overtaken;
}
