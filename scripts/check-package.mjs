// Packs each package as it would be published, and has it judged: by publint, and by are-the-types-wrong for each of
// the ways in which TypeScript may resolve it.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "posthorn-package-"));
const run = (command, args, stdio = "inherit") =>
  execFileSync(command, args, { cwd: root, encoding: "utf8", stdio });

try {
  if (process.env.CI !== "true") run(process.execPath, ["scripts/build.mjs"]); // there `npm ci` has just built it
  const sources = [".", ...readdirSync(join(root, "packages")).map((name) => `./packages/${name}`)];
  const pack = ["pack", "--json", "--ignore-scripts", "--pack-destination", folder, ...sources];
  for (const { filename } of JSON.parse(run("npm", pack, ["ignore", "pipe", "inherit"]))) {
    const tarball = join(folder, filename);
    run("publint", [tarball, "--strict"]);
    // ESM only, as Node 20 and bundlers resolve it; a require() reaches it through Node's own require(esm).
    run("attw", [tarball, "--profile", "esm-only"]);
  }
} catch (error) {
  if (error.status === undefined) throw error;
  process.exitCode = 1; // the program has said why
} finally {
  rmSync(folder, { recursive: true, force: true });
}
