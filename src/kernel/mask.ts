// Secrets in what is shown.

/** What stands for a header's value where the reader may not see it. */
export const MASK = "********";

/** Creates what replaces each occurrence of the values in a text, those within others too. */
export function createMask(values: readonly string[]): (text: string) => string {
  const longestFirst = [...values].sort((a, b) => b.length - a.length);
  return (text) => longestFirst.reduce((rest, value) => rest.replaceAll(value, MASK), text);
}

/** Whether any of the values stands in any of the texts: mostly none does, and looking is cheaper than replacing. */
export function holdAny(texts: readonly string[], values: readonly string[]): boolean {
  const all = texts.join("\n");
  return values.some((value) => all.includes(value));
}

/** Replaces, at the end of a text that was cut off there, the first `lengthMin` characters or more of a value. */
export function maskedAtCut(text: string, values: readonly string[], lengthMin: number): string {
  const begun = (value: string): number => {
    let length = Math.min(value.length - 1, text.length);
    while (length >= lengthMin && !text.endsWith(value.slice(0, length))) length--;
    return length >= lengthMin ? length : 0;
  };
  const longest = Math.max(0, ...values.map(begun));
  return longest === 0 ? text : `${text.slice(0, -longest)}${MASK}`;
}
