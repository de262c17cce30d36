// When a key was last used: whoever tidies keys up asks it before revoking one.
import type { MonotonicClock } from "../kernel/clock.ts";
import { SECOND } from "../kernel/duration.ts";
import { createGatherer } from "../kernel/gather.ts";
import type { Log } from "../kernel/log.ts";
import { USED_EVERY_S } from "../store/keys.ts";

const WRITTEN_AT_ONCE = 100;
const KNOWN_MAX = 10_000; // keys; one forgotten is written down again sooner

/**
 * Answers what to call at each use of a key, by its id. It waits for nothing: each process writes a key down once in a minute, several
 * at once, and a use that could not be written is written with one a minute later.
 */
export function noteUses(
  write: (ids: string[]) => Promise<void>,
  monotonic: MonotonicClock,
  log: Log,
): (id: string) => void {
  const noted = new Map<string, number>(); // when, the latest last
  const later = createGatherer({
    run: async (_list, ids: string[]) => {
      await write(ids);
      return ids;
    },
    itemsMax: WRITTEN_AT_ONCE,
    isRefusal: () => false,
  });
  return (id) => {
    const at = monotonic();
    if (at - (noted.get(id) ?? -Infinity) < USED_EVERY_S * SECOND) return;
    noted.delete(id);
    noted.set(id, at);
    const [oldest] = noted.keys();
    if (noted.size > KNOWN_MAX && oldest !== undefined) noted.delete(oldest);
    // A database that is away, or takes no writes, is told of elsewhere.
    later("", id).catch((error: unknown) => log.debug({ err: error }, "a key's use was not noted"));
  };
}
