// Builds what `npm start` runs: dist/ from src/, and the API reference's page from swagger-ui-dist. The packages of a
// receiver and of a client are made of the same dist/.
import { execFileSync } from "node:child_process";
import { chmodSync, copyFileSync, mkdirSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const require = createRequire(import.meta.url);

rmSync(join(root, "dist"), { recursive: true, force: true });
const tsc = join(dirname(require.resolve("typescript/package.json")), "bin/tsc");
execFileSync(process.execPath, [tsc, "-p", join(root, "tsconfig.build.json")], {
  stdio: "inherit",
});
chmodSync(join(root, "dist/cli/index.js"), 0o755);

// Copied, not a runtime dependency: those who install posthorn get two files and no install script.
const swagger = dirname(require.resolve("swagger-ui-dist/package.json"));
mkdirSync(join(root, "dist/swagger-ui"), { recursive: true });
for (const file of ["swagger-ui.css", "swagger-ui-bundle.js"])
  copyFileSync(join(swagger, file), join(root, "dist/swagger-ui", file));

await import("./packages.mjs");
