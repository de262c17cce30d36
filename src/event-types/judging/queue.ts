// Who waits to be judged: each tenant in a queue of its own, and they take turns.

const WAITING_MAX = 100; // of one tenant, with 256 KiB each at most; what they would wait is longer than they would

export type Waiting = { tenant: string };

/** Makes a queue from which one tenant has `atOnceMax` out at a time. */
export function createFairQueue<Item extends Waiting>(atOnceMax: number) {
  const queues = new Map<string, Item[]>(); // the tenant whose turn it is first
  const out = new Map<string, number>();

  return {
    /** Whether it is taken: false where the tenant has enough that wait. */
    add(item: Item): boolean {
      const queue = queues.get(item.tenant) ?? [];
      if (queue.length >= WAITING_MAX) return false;
      queue.push(item);
      queues.set(item.tenant, queue);
      return true;
    },

    /** The next of the tenant whose turn it is; it is out until it is `done`. */
    next(): Item | undefined {
      for (const [tenant, queue] of queues) {
        const count = out.get(tenant) ?? 0;
        if (count >= atOnceMax) continue;
        const item = queue.shift();
        queues.delete(tenant);
        if (queue.length > 0) queues.set(tenant, queue); // at the end now
        out.set(tenant, count + 1);
        return item;
      }
      return undefined;
    },

    done({ tenant }: Item): void {
      const count = (out.get(tenant) ?? 1) - 1;
      if (count > 0) out.set(tenant, count);
      else out.delete(tenant);
    },

    /** Takes one out that waits no longer. */
    remove(item: Item): void {
      const queue = queues.get(item.tenant);
      const index = queue?.indexOf(item) ?? -1;
      if (index < 0) return;
      queue?.splice(index, 1);
      if (queue?.length === 0) queues.delete(item.tenant);
    },
  };
}
