// The slots of one worker, shared by the loops of several databases: whoever has much due uses what the others leave, and each
// that has as much gets an equal share.
import type { MonotonicClock } from "../kernel/clock.ts";
import { SECOND } from "../kernel/duration.ts";

// Requests are not broken off for another's: a share that is not used is found by those that come back to it within this.
const HUNGRY_MS = 2 * SECOND;
const LEFT_SHARE = 1 / 16; // of all slots, kept free for each that has shown no need yet: it finds what is due with them

/** What one loop may use of them. */
export type Share = {
  /** How many requests the loop may have under way by now. */
  most(): number;
  /** Takes how many it has under way. */
  uses(count: number): void;
  /** Says that more is due than the loop had slots for. */
  wants(): void;
};

export type Slots = {
  /** Requests under way, of all loops. */
  readonly size: number;
  /** Another loop's share; `freed` is called where it wanted more, and a slot may be free now. */
  share(freed: () => void): Share;
};

/** Creates the slots of one process. */
export function createSlots(concurrency: number, monotonic: MonotonicClock): Slots {
  type Member = { size: number; hungryUntil: number; freed: () => void };
  const members = new Set<Member>();
  const sizeOf = (those: Iterable<Member>) => [...those].reduce((sum, { size }) => sum + size, 0);

  function mostOf(member: Member): number {
    if (members.size === 1) return concurrency;
    const others = [...members].filter((other) => other !== member);
    const now = monotonic();
    const hungry = others.filter(({ hungryUntil }) => now < hungryUntil).length;
    const kept = Math.max(1, Math.floor(concurrency * LEFT_SHARE)) * (others.length - hungry);
    const fair = Math.floor(Math.max(0, concurrency - kept) / (1 + hungry));
    return Math.max(0, Math.min(Math.max(1, fair), concurrency - sizeOf(others)));
  }

  return {
    get size() {
      return sizeOf(members);
    },
    share(freed) {
      const member: Member = { size: 0, hungryUntil: -Infinity, freed };
      members.add(member);
      return {
        most: () => mostOf(member),
        uses(count) {
          const isFewer = count < member.size;
          member.size = count;
          if (!isFewer || members.size === 1) return;
          const now = monotonic();
          for (const other of members)
            if (other !== member && now < other.hungryUntil) other.freed();
        },
        wants: () => void (member.hungryUntil = monotonic() + HUNGRY_MS),
      };
    },
  };
}
