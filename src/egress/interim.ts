// Answers before the answer that undici takes for a broken connection, made ones that it passes by.

const [ONE, ZERO, TWO] = Buffer.from("102");
const VERSION = Buffer.from("HTTP/1.");
const STATUS_AT = "HTTP/1.1 ".length;
const HEAD_END = "\r\n\r\n";

/**
 * Turns `100` and `101` at the start of a chunk, in place, into `102`, and says whether a `101` was among them. RFC
 * 9110 15.2 demands that a client reads a 100 it did not ask for, and 101 is a status to be recorded; undici 7 closes
 * the connection on both. A status line that comes in two pieces is not seen, and fails as undici has it.
 */
export function lawfulInterim(chunk: Buffer): boolean {
  let isUpgrade = false;
  for (let at = 0; isInterim(chunk, at);) {
    const last = at + STATUS_AT + 2;
    if (chunk[last - 1] === ZERO && (chunk[last] === ZERO || chunk[last] === ONE)) {
      isUpgrade ||= chunk[last] === ONE;
      chunk[last] = TWO ?? 0;
    }
    const end = chunk.indexOf(HEAD_END, at);
    if (end < 0) break;
    at = end + HEAD_END.length;
  }
  return isUpgrade;
}

function isInterim(chunk: Buffer, at: number): boolean {
  return (
    chunk[at + STATUS_AT] === ONE &&
    chunk.length >= at + STATUS_AT + 3 &&
    chunk.compare(VERSION, 0, VERSION.length, at, at + VERSION.length) === 0
  );
}
