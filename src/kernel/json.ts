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

/** Whether a number in a JSON value is none: JSON.parse makes Infinity of 1e400, and JSON.stringify null of that. */
export function holdsInfinity(value: unknown): boolean {
  const pending = [value];
  while (pending.length > 0) {
    const item = pending.pop();
    if (item === Infinity || item === -Infinity) return true;
    if (isContainer(item)) for (const member of Object.values(item)) pending.push(member);
  }
  return false;
}

function isContainer(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}
