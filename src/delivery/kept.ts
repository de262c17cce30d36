// What is kept in memory within so many bytes.
import type { Random } from "../kernel/clock.ts";

export type Kept<T> = {
  get(id: number): T | undefined;
  /** Keeps `value`, in place of what was kept under this id; not what is larger by itself than all may be. */
  set(id: number, value: T, bytes: number): void;
  clear(): void;
};

type Entry<T> = { id: number; value: T; bytes: number };

/**
 * Creates it. Where there is no room left, what goes is chosen by chance, not the one unused for longest: claims go round all
 * webhooks in turn, so that one is the next to be needed, and with one webhook more than there is room for every single one would have been read
 * anew in each round.
 */
export function createKept<T>({ bytesMax, random }: { bytesMax: number; random: Random }): Kept<T> {
  const entries: Entry<T>[] = [];
  const places = new Map<number, number>(); // in `entries`, by id
  let bytes = 0;

  // The last one takes its place.
  function remove(place: number): void {
    const [entry, last] = [entries[place], entries.pop()];
    if (!entry || !last) return;
    places.delete(entry.id);
    bytes -= entry.bytes;
    if (last === entry) return;
    entries[place] = last;
    places.set(last.id, place);
  }

  return {
    get(id) {
      const place = places.get(id);
      return place === undefined ? undefined : entries[place]?.value;
    },
    set(id, value, size) {
      const place = places.get(id);
      if (place !== undefined) remove(place);
      if (size > bytesMax) return;
      while (bytes + size > bytesMax) remove(Math.floor(random() * entries.length));
      places.set(id, entries.push({ id, value, bytes: size }) - 1);
      bytes += size;
    },
    clear() {
      entries.length = 0;
      places.clear();
      bytes = 0;
    },
  };
}
