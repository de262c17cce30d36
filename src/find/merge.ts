// What several databases have found, as one answer: pure.
import { KINDS, type FoundThing } from "./schema.ts";

/** The most of one kind. */
export const OF_A_KIND_MAX = 10;

/** The best of each first, kind by kind; what all have, as a shared type, once. */
export function mergeFound(answers: readonly (readonly FoundThing[])[]): FoundThing[] {
  return KINDS.flatMap((kind) => {
    const ranked = answers.flatMap((data) =>
      data.filter((thing) => thing.kind === kind).map((thing, rank) => ({ thing, rank })),
    );
    const things = new Map<string, FoundThing>();
    for (const { thing } of ranked.sort((one, other) => one.rank - other.rank)) {
      const name = `${thing.tenant ?? ""} ${thing.id}`;
      if (!things.has(name)) things.set(name, thing);
    }
    return [...things.values()].slice(0, OF_A_KIND_MAX);
  });
}
