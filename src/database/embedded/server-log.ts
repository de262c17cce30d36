// The server's log: a file in the data folder that can't grow for ever.
import { constants } from "node:fs";
import { open, readFile, stat, truncate, type FileHandle } from "node:fs/promises";

const LOG_BYTES_MAX = 1024 * 1024; // begun anew at a start once it is longer; a year of starts fits
const LINE_CHARS_MAX = 400;

export type ServerLog = { file: FileHandle; complaint(): Promise<string> };

/** Opens the log for appending. `complaint()` answers the line that tells why the start after this failed. */
export async function openServerLog(path: string): Promise<ServerLog> {
  const length = (await stat(path).catch(() => undefined))?.size ?? 0;
  if (length > LOG_BYTES_MAX) await truncate(path);
  const start = length > LOG_BYTES_MAX ? 0 : length;
  const { O_WRONLY, O_CREAT, O_APPEND, O_NOFOLLOW } = constants;
  const file = await open(path, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW, 0o600);
  return {
    file,
    complaint: async () => complaintIn((await readFile(path)).subarray(start).toString()),
  };
}

/** Picks the last line of PostgreSQL's output that complains, without its time stamp; the last line where none does. */
export function complaintIn(output: string): string {
  const lines = output.split("\n").filter((line) => line.trim() !== "");
  const complaint =
    lines.findLast((line) => /FATAL|PANIC|error:|could not/.test(line)) ?? lines.at(-1) ?? "";
  const line = complaint.replace(/^\d{4}-\d\d-\d\d .*?\] /, "").replace(/\s+/g, " ");
  return line.trim().slice(0, LINE_CHARS_MAX);
}
