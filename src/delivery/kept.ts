// What is kept in memory within so many bytes.
import type { Random } from "../kernel/clock.ts";
import { createPickMap } from "../kernel/pick-map.ts";

export type Kept<T> = {
  get(id: number): T | undefined;
  /** Keeps `value`, in place of what was kept under this id; not what is larger by itself than all may be. */
  set(id: number, value: T, bytes: number): void;
  clear(): void;
};

type Entry<T> = { value: T; bytes: number };

/** Creates it. Where there is no room left, what goes is chosen by chance: claims go round all webhooks in turn. */
export function createKept<T>({ bytesMax, random }: { bytesMax: number; random: Random }): Kept<T> {
  let entries = createPickMap<number, Entry<T>>();
  let bytes = 0;

  const remove = (id: number) => void (bytes -= entries.remove(id)?.bytes ?? 0);

  return {
    get: (id) => entries.get(id)?.value,
    set(id, value, size) {
      remove(id);
      if (size > bytesMax) return;
      while (bytes + size > bytesMax) remove(entries.pick(random) ?? id);
      entries.set(id, { value, bytes: size });
      bytes += size;
    },
    clear() {
      entries = createPickMap();
      bytes = 0;
    },
  };
}
