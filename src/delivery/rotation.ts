// Where claims go on: round and round over the webhooks' ids, so that low ones don't win for ever. Pure.

export type Rotation = {
  /** The webhook behind which the next claim begins. */
  readonly after: number;
  /**
   * Takes what a claim has done: where a limit cut it short (null: it came to the last webhook), and, where webhooks that
   * are not proven have used up what they share, the last of them that got some (undefined: nothing was left for them, and
   * their turn stays where it is). Answers whether the round goes on.
   */
  claimed(cutAfter: number | null, lastUnproven: number | null | undefined): boolean;
};

/** Creates a rotation. A round has seen every webhook once; the next begins where those on probation have to go on. */
export function createRotation(): Rotation {
  let after = 0;
  let from = 0; // where the round began
  let isSecondLap = false; // past the last webhook and on from the first
  let nextFrom = 0;

  return {
    get after() {
      return after;
    },
    claimed(cutAfter, lastUnproven) {
      if (lastUnproven !== null) nextFrom = lastUnproven ?? (nextFrom || from);
      const isAtEnd = cutAfter === null;
      const isRoundDone =
        isSecondLap || from === 0 ? isAtEnd || (isSecondLap && cutAfter >= from) : false;
      if (!isRoundDone) {
        isSecondLap ||= isAtEnd;
        after = cutAfter ?? 0;
        return true;
      }
      after = from = nextFrom;
      nextFrom = 0;
      isSecondLap = false;
      return false;
    },
  };
}
