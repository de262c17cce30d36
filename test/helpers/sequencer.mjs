// Which tests begin first where jest has not timed them yet, as in CI: those that take the longest, since whatever
// begins last is waited for alone. Where it has, it knows better.
import Sequencer from "@jest/test-sequencer";

/** Those of more than a minute, in that order; what is not named here goes by its size, as jest has it. */
export const LONGEST = [
  "test/e2e/clients/rust.test.ts",
  "test/http/fuzz.test.ts",
  "test/e2e/schemathesis.test.ts",
  "test/e2e/chaos.test.ts",
  "test/e2e/chaos-cells.test.ts",
  "test/e2e/command-line.test.ts",
  "test/e2e/package.test.ts",
  "test/e2e/clients/java.test.ts",
  "test/dashboard/every-view.test.ts",
  "test/e2e/receivers.test.ts",
  "test/e2e/clients/go.test.ts",
  "test/store/replays.test.ts",
  "test/dashboard/trouble.test.ts",
  "test/e2e/clients/trpc.test.ts",
  "test/ingest/ingest.test.ts",
  "test/http/words.test.ts",
  "test/e2e/first-start.test.ts",
];

export default class LongestFirst extends Sequencer {
  sort(tests) {
    const sorted = super.sort(tests);
    if (sorted.some(({ duration }) => typeof duration === "number")) return sorted;
    const rank = ({ path }) => {
      const index = LONGEST.findIndex((name) => path.endsWith(`/${name}`));
      return index === -1 ? LONGEST.length : index;
    };
    return sorted.sort((a, b) => rank(a) - rank(b));
  }
}
