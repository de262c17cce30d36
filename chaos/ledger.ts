// What the publishers know: which events were acknowledged, and when; which were taken back.
import { now } from "./clock.ts";

export type Ledger = {
  /** Acknowledged events, with the moment of the acknowledgement. */
  acknowledged: ReadonlyMap<string, number>;
  /** Rolled back: these must never arrive. */
  rolledBack: ReadonlySet<string>;
  /** Commits whose answer was lost: their business row says what became of them. */
  unknown: ReadonlySet<string>;
  /** Publishes that were refused, or cut off, and tried again with their key. */
  readonly refused: number;
  /** Answers over HTTP that a publisher should never get. */
  wrong: readonly string[];
  acknowledge(event: string): void;
  rollBack(event: string): void;
  leaveUnknown(event: string): void;
  refuse(): void;
  complain(text: string): void;
  /** A number that no other publish has. */
  next(): number;
};

export function createLedger(): Ledger {
  const acknowledged = new Map<string, number>();
  const rolledBack = new Set<string>();
  const unknown = new Set<string>();
  const wrong: string[] = [];
  let refused = 0;
  let last = 0;
  return {
    acknowledged,
    rolledBack,
    unknown,
    wrong,
    get refused() {
      return refused;
    },
    acknowledge: (event) => void acknowledged.set(event, now()),
    rollBack: (event) => void rolledBack.add(event),
    leaveUnknown: (event) => void unknown.add(event),
    refuse: () => void (refused += 1),
    complain: (text) => void wrong.push(text),
    next: () => ++last,
  };
}
