// A file of the machine's that is read again now and then, so that what is changed in it is followed.
import { readFile } from "node:fs/promises";

import { SECOND } from "../kernel/duration.ts";

const READ_AGAIN_AFTER_MS = 2 * SECOND; // a change is seen this soon, and a burst of lookups reads the file once

/** Answers what a file holds, the same value while its text is the same; one that can't be read is an empty one. */
export function createReadAgain<T>(
  path: string,
  clock: () => number,
  parse: (text: string) => T,
): () => Promise<T> {
  let known: { text: string; value: T } | undefined;
  let reading: Promise<T> | undefined;
  let readAt = -Infinity;

  async function read(): Promise<T> {
    const text = await readFile(path, "utf8").catch(() => "");
    if (known?.text !== text) known = { text, value: parse(text) };
    return known.value;
  }
  return () => {
    if (reading && clock() - readAt < READ_AGAIN_AFTER_MS) return reading;
    readAt = clock();
    return (reading = read());
  };
}
