// Builds what `npm start` runs: dist/ from src/, the API reference's page from swagger-ui-dist, and the dashboard. The
// packages of a receiver and of a client are made of the same dist/.
import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

import { hashedName, writeCompressed } from "./assets.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
const require = createRequire(import.meta.url);

rmSync(join(root, "dist"), { recursive: true, force: true });
const tsc = join(dirname(require.resolve("typescript-native/package.json")), "bin/tsc");
execFileSync(process.execPath, [tsc, "-p", join(root, "tsconfig.build.json")], {
  stdio: "inherit",
});

// Copied, not a runtime dependency: those who install posthorn get two files and no install script.
const swagger = dirname(require.resolve("swagger-ui-dist/package.json"));
const folder = join(root, "dist/swagger-ui");
mkdirSync(folder, { recursive: true });
for (const file of ["swagger-ui.css", "swagger-ui-bundle.js"]) {
  const bytes = readFileSync(join(swagger, file));
  writeCompressed(join(folder, hashedName(file, bytes)), bytes);
}

await import("./dashboard.mjs");
await import("./packages.mjs");
await import("./bundle.mjs");
chmodSync(join(root, "dist/cli/index.js"), 0o755);
