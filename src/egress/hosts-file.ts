// The machine's hosts file, which c-ares does not read for us.
import { readFile } from "node:fs/promises";
import { isIP } from "node:net";

const REREAD_AFTER_MS = 5_000; // an edit is seen this soon, and a burst of lookups reads the file once

export const HOSTS_FILE =
  process.platform === "win32" ? "C:\\Windows\\System32\\drivers\\etc\\hosts" : "/etc/hosts";

/** Answers the addresses that the hosts file gives a name; none where it gives none or can't be read. */
export function createHostsFile(path: string, clock: () => number) {
  let entries = Promise.resolve(new Map<string, string[]>());
  let readAt = -Infinity;
  return async (name: string): Promise<string[]> => {
    if (clock() - readAt >= REREAD_AFTER_MS) {
      readAt = clock();
      entries = readFile(path, "utf8").then(parse, () => new Map<string, string[]>());
    }
    return (await entries).get(name.toLowerCase().replace(/\.$/, "")) ?? [];
  };
}

function parse(text: string): Map<string, string[]> {
  const entries = new Map<string, string[]>();
  for (const line of text.split("\n")) {
    const [address = "", ...names] = line.replace(/#.*/, "").trim().split(/\s+/);
    if (isIP(address) === 0) continue;
    for (const name of names.map((each) => each.toLowerCase()))
      entries.set(name, [...(entries.get(name) ?? []), address]);
  }
  return entries;
}
