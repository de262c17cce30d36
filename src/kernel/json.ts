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

/** The same of a JSON text. */
export function textDepthExceeds(text: string, max: number): boolean {
  if (text.length <= 2 * max) return false; // each level has two brackets
  let [depth, isString] = [0, false];
  for (let at = 0; at < text.length; at++) {
    const character = text[at];
    if (character === '"') isString = !isString;
    else if (isString) at += character === "\\" ? 1 : 0;
    else if (character === "[" || character === "{") {
      if (++depth > max) return true;
    } else if (character === "]" || character === "}") depth--;
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
