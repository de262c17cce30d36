// Secrets in what is shown.

/** What stands for a header's value where the reader may not see it. */
export const MASK = "********";

/** Replaces each occurrence of the values, those within others too. */
export function masked(text: string, values: readonly string[]): string {
  const longestFirst = [...values].sort((a, b) => b.length - a.length);
  return longestFirst.reduce((rest, value) => rest.replaceAll(value, MASK), text);
}
