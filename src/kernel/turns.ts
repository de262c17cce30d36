// Turns at what may be done by a few at a time only.

export type Turns = {
  /** Does the work when its turn comes, in the order of asking; answers undefined where that takes longer than `withinMs`. */
  take<T>(withinMs: number, work: () => Promise<T>): Promise<T | undefined>;
};

/** Makes turns of which `max` are taken at once. */
export function createTurns(max: number): Turns {
  let free = max;
  const waiting = new Set<() => void>();

  const wait = (withinMs: number) =>
    new Promise<boolean>((resolve) => {
      const answer = (isMine: boolean) => {
        clearTimeout(timer);
        waiting.delete(given);
        resolve(isMine);
      };
      const given = () => answer(true);
      const timer = setTimeout(() => answer(false), withinMs);
      waiting.add(given);
    });

  return {
    take: async (withinMs, work) => {
      if (free > 0) free--;
      else if (!(await wait(withinMs))) return undefined;
      try {
        return await work();
      } finally {
        const [next] = waiting; // it takes this very turn over
        if (next) next();
        else free++;
      }
    },
  };
}
