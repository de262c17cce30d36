// docs/clients.md as its tests read it: the commands and the code that it tells people to copy.
import { readFileSync } from "node:fs";

const page = readFileSync(new URL("../../../docs/clients.md", import.meta.url), "utf8");

/** The code in this language under this heading. */
export function snippet(heading: string, language: string): string {
  const section = page.split(`\n## ${heading}\n`)[1]?.split("\n## ")[0] ?? "";
  const code = section.split(`\`\`\`${language}\n`)[1]?.split("```")[0];
  if (code === undefined) throw new Error(`docs/clients.md has no ${language} under ${heading}`);
  return code;
}

/** The arguments of the first command under this heading that has `after` in it: those that follow it. */
export function commandArguments(heading: string, after: string): string[] {
  const commands = snippet(heading, "sh").replaceAll("\\\n", " ").split("\n");
  const command = commands.find((line) => line.includes(after));
  if (command === undefined) throw new Error(`docs/clients.md has no ${after} under ${heading}`);
  return command
    .slice(command.indexOf(after) + after.length)
    .trim()
    .split(/\s+/);
}
