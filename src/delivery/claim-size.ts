// How much one claim takes: less where a worker has not the time to start what it has claimed. Pure.

const LEAST = 16; // what a claim costs by itself is shared by as many
const GROWTH = 1 / 16; // of the most: a worker that was starved for a moment takes it all again after some tenths of a second

export type ClaimSize = {
  /** Of the next claim, at most. */
  readonly now: number;
  /** Takes whether what was claimed could be started in time. */
  started(isLate: boolean): void;
};

/** Creates it; a claim takes `most` while there is time. */
export function createClaimSize(most: number): ClaimSize {
  const least = Math.min(LEAST, most);
  let size = most;
  return {
    get now() {
      return Math.floor(size);
    },
    started(isLate) {
      size = isLate ? Math.max(least, size / 2) : Math.min(most, size + most * GROWTH);
    },
  };
}
