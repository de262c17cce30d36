// Headers of a request to a receiver, as they are sent and as they are shown later.

/** What a program of this version calls itself. */
export function userAgent(version: string): string {
  return `Posthorn/${version}`;
}

/** A webhook's own headers go before ours, whatever their case; those that may not were refused when they were set. */
export function withOwnHeaders(
  ours: Record<string, string>,
  own: Readonly<Record<string, string>>,
): Record<string, string> {
  const names = Object.keys(own);
  if (names.length === 0) return ours;
  const replaced = new Set(names.map((name) => name.toLowerCase()));
  const kept = Object.entries(ours).filter(([name]) => !replaced.has(name.toLowerCase()));
  return { ...Object.fromEntries(kept), ...own };
}
