// Measures JSON values that came from strangers.

/** Whether a JSON value nests more than `max` levels of objects and lists. Does not recurse, so no depth breaks it. */
export function depthExceeds(value: unknown, max: number): boolean {
  let level = [value].filter(isContainer);
  for (let depth = 1; level.length > 0; depth++) {
    if (depth > max) return true;
    level = level.flatMap((item) => Object.values(item).filter(isContainer));
  }
  return false;
}

function isContainer(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}
