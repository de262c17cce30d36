// Makes many calls of one thing into few: while one is under way, what arrives is gathered, and goes in the next.
import { setImmediate } from "node:timers/promises";

type Waiting<Item, Answer> = {
  item: Item;
  resolve: (answer: Answer) => void;
  reject: (error: unknown) => void;
};

export type GatherOptions<Item, Answer> = {
  run: (list: string, items: Item[]) => Promise<readonly Answer[]>;
  itemsMax: number;
  isRefusal: (error: unknown) => boolean;
  waitingMax?: number;
  full?: () => Error;
};

/**
 * Answers a function that does for one item what `run` does for a list: nobody waits for a list to fill, items keep the
 * order in which they came, and each `list`, by its name, is gathered by itself. `run` answers in the order of its list, which holds
 * `itemsMax` at most. Where it fails as `isRefusal` says, its halves are run, and theirs, until the one that fails is
 * alone: its error is not the others'. Where more than `waitingMax` wait in one, the next fails with what `full` makes.
 */
export function createGatherer<Item, Answer>({
  run,
  itemsMax,
  isRefusal,
  waitingMax = Infinity,
  full = () => new Error("too many wait"),
}: GatherOptions<Item, Answer>): (list: string, item: Item) => Promise<Answer> {
  type Entry = Waiting<Item, Answer>;
  const lists = new Map<string, Entry[]>(); // those with a call under way, and what waits for its end

  async function drain(list: string, waiting: Entry[]): Promise<void> {
    while (waiting.length > 0) {
      // Once what has arrived in this turn is read: a busy process would else find one item at a time.
      await setImmediate();
      await call(list, waiting.splice(0, itemsMax));
    }
    lists.delete(list);
  }

  async function call(list: string, entries: Entry[]): Promise<void> {
    try {
      const items = entries.map(({ item }) => item);
      const answers = await run(list, items);
      if (answers.length !== items.length)
        throw new Error(`${answers.length} answers to ${items.length} items`);
      for (const [index, answer] of answers.entries()) entries[index]?.resolve(answer);
    } catch (error) {
      if (entries.length > 1 && isRefusal(error)) {
        const half = Math.ceil(entries.length / 2);
        await call(list, entries.slice(0, half));
        await call(list, entries.slice(half));
      } else for (const { reject } of entries) reject(error);
    }
  }

  return (list, item) =>
    new Promise((resolve, reject) => {
      const entry = { item, resolve, reject };
      const waiting = lists.get(list);
      if (waiting) {
        if (waiting.length < waitingMax) waiting.push(entry);
        else reject(full());
        return;
      }
      const own = [entry];
      lists.set(list, own);
      void drain(list, own);
    });
}
