// Measures JSON values that came from strangers.

/** Whether a JSON value nests deeper than `max` levels of objects and lists. Does not recurse, so no depth breaks it. */
export function depthExceeds(value: unknown, max: number): boolean {
  let level = [value];
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > max) return true;
    level = level.flatMap((item) =>
      typeof item === "object" && item !== null ? (Object.values(item) as unknown[]) : [],
    );
  }
  return false;
}
