// Headers of a request to a receiver, as they are sent and as they are shown later.

/** What a program of this version calls itself. */
export function userAgent(version: string): string {
  return `Posthorn/${version}`;
}

/** A webhook's own headers go before ours, whatever their case; those that may not were refused when they were set. */
export function withOwnHeaders(
  ours: Readonly<Record<string, string>>,
  own: Readonly<Record<string, string>>,
): Record<string, string> {
  const replaced = lowerNamesOf(own);
  const all: Record<string, string> = {};
  for (const name in ours) if (!replaced.has(name.toLowerCase())) all[name] = ours[name] as string;
  return Object.assign(all, own);
}

// Of a webhook's headers once, and not with each attempt.
const lowerNames = new WeakMap<object, ReadonlySet<string>>();

function lowerNamesOf(own: object): ReadonlySet<string> {
  const known = lowerNames.get(own);
  if (known) return known;
  const names = new Set(Object.keys(own).map((name) => name.toLowerCase()));
  lowerNames.set(own, names);
  return names;
}
