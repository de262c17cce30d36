// Puts what was measured into docs/performance.md, between the markers of its group, and the pictures beside it.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

import { format } from "prettier";

const PAGE = fileURLToPath(new URL("../docs/performance.md", import.meta.url));
const IMAGES = fileURLToPath(new URL("../docs/images/", import.meta.url));

export async function write(
  group: string,
  text: string,
  charts: Readonly<Record<string, string>>,
): Promise<void> {
  mkdirSync(IMAGES, { recursive: true });
  for (const [file, svg] of Object.entries(charts)) writeFileSync(IMAGES + file, svg);
  const pictures = Object.keys(charts).map((file) => `![${file}](images/${file})`);
  const [begin, end] = [`<!-- bench: ${group} -->`, `<!-- end: ${group} -->`];
  const page = readFileSync(PAGE, "utf8");
  const [before, rest] = page.split(begin);
  const after = rest?.split(end)[1];
  if (before === undefined || after === undefined)
    throw new Error(`docs/performance.md has no ${begin} and ${end}`);
  const whole = [before + begin, text, ...pictures, end + after].join("\n\n");
  writeFileSync(PAGE, await format(whole, { parser: "markdown", printWidth: 100 }));
}
