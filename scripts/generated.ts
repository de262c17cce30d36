// A file that is made from another definition: written, or with --check compared.
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** Writes the file in the project's folder, or with `--check` on the command line ends with 1 where it differs. */
export function writeOrCompare(file: string, text: string, command: string): void {
  const path = fileURLToPath(new URL(`../${file}`, import.meta.url));
  if (!process.argv.includes("--check")) return writeFileSync(path, text);
  const difference = firstDifference(read(path), text);
  if (difference === undefined) return;
  process.stderr.write(`${file} is not up to date; write it with: ${command}\n${difference}\n`);
  process.exitCode = 1;
}

function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

function firstDifference(found: string, wanted: string): string | undefined {
  if (found === wanted) return undefined;
  const [have, want] = [found.split("\n"), wanted.split("\n")];
  const at = want.findIndex((line, i) => line !== have[i]);
  const line = at === -1 ? want.length : at;
  return `line ${line + 1}\n- ${have[line] ?? "(the end)"}\n+ ${want[line] ?? "(the end)"}`;
}
