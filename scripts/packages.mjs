// Gives each folder of packages/ its own dist/: those files of the project's dist/ that its entry reaches, as they are.
// `node scripts/packages.mjs [folder]` does it in a copy of the project.
import { copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const root = resolve(process.argv[2] ?? fileURLToPath(new URL("..", import.meta.url)));

for (const name of readdirSync(join(root, "packages"))) {
  const folder = join(root, "packages", name);
  const { exports } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  rmSync(join(folder, "dist"), { recursive: true, force: true });
  for (const [path, text] of filesReachedFrom([exports["."].types, exports["."].default])) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
  copyFileSync(join(root, "LICENSE"), join(folder, "dist/LICENSE"));
}

/** The text of each file that these import, by whatever way, and their own; maps to the source stay at home. */
function filesReachedFrom(entries) {
  const files = new Map();
  const visit = (path) => {
    if (files.has(path)) return;
    const text = readFileSync(join(root, path), "utf8");
    files.set(path, text.replace(/^\/\/# sourceMappingURL=.*\n?/m, ""));
    for (const [, to] of text.matchAll(/(?:\bfrom |\bimport |\bimport\()"(\.[^"]+)"/g)) {
      const target = join(dirname(path), to);
      visit(path.endsWith(".d.ts") ? target.replace(/(?:\.d)?\.[jt]s$/, ".d.ts") : target);
    }
  };
  for (const entry of entries) visit(join(entry));
  return files;
}
