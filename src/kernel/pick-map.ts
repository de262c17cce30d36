// A map of which any one can be picked, however many there are in the same time.
import type { Random } from "./clock.ts";

export type PickMap<K, V> = {
  readonly size: number;
  get(key: K): V | undefined;
  /** Keeps `value` under `key`, in place of what was there. */
  set(key: K, value: V): void;
  /** Takes one out; answers its value, or undefined where there was none. */
  remove(key: K): V | undefined;
  /** Any one of the keys, all alike likely; undefined where there is none. */
  pick(random: Random): K | undefined;
  keys(): K[];
};

type Entry<K, V> = { key: K; value: V; place: number };

/**
 * Creates it, for what is kept within a bound while all have their turns: the one unused for longest is then the next to be needed, and
 * with one more than there is room for nothing would be found in a whole round.
 */
export function createPickMap<K, V>(): PickMap<K, V> {
  const entries: Entry<K, V>[] = [];
  const byKey = new Map<K, Entry<K, V>>();
  return {
    get size() {
      return entries.length;
    },
    get: (key) => byKey.get(key)?.value,
    set(key, value) {
      const found = byKey.get(key);
      if (found) return void (found.value = value);
      const entry = { key, value, place: entries.length };
      entries.push(entry);
      byKey.set(key, entry);
    },
    remove(key) {
      const found = byKey.get(key);
      const last = entries.at(-1);
      if (!found || !last) return undefined;
      // The last one takes its place.
      entries[found.place] = last;
      last.place = found.place;
      entries.pop();
      byKey.delete(key);
      return found.value;
    },
    pick: (random) => entries[Math.floor(random() * entries.length)]?.key,
    keys: () => entries.map(({ key }) => key),
  };
}
