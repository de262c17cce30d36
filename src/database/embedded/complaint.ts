// The one line of PostgreSQL's output that tells what went wrong.

const LINE_CHARS_MAX = 400;

/** Picks the last line that complains, without its time stamp; the last line at all where none does. */
export function complaintIn(output: string): string {
  const lines = output.split("\n").filter((line) => line.trim() !== "");
  const complaint =
    lines.findLast((line) => /FATAL|PANIC|error:|could not/.test(line)) ?? lines.at(-1) ?? "";
  return complaint
    .replace(/^\d{4}-\d\d-\d\d .*?\] /, "")
    .replace(/\s+/g, " ")
    .trim()
    .slice(0, LINE_CHARS_MAX);
}
