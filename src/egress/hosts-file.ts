// The machine's hosts file, which c-ares does not read for us.
import { isIP } from "node:net";

import { createReadAgain } from "./read-again.ts";

export const HOSTS_FILE =
  process.platform === "win32" ? "C:\\Windows\\System32\\drivers\\etc\\hosts" : "/etc/hosts";

/** Answers the addresses that the hosts file gives a name; none where it gives none or can't be read. */
export function createHostsFile(path: string, clock: () => number) {
  const read = createReadAgain(path, clock, parse);
  return async (name: string): Promise<string[]> =>
    (await read()).get(name.toLowerCase().replace(/\.$/, "")) ?? [];
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
