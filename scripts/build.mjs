// Builds what `npm start` runs: dist/ from src/, and the API reference's page from swagger-ui-dist. The packages of a
// receiver and of a client are made of the same dist/.
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { chmodSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, parse } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";

const root = fileURLToPath(new URL("..", import.meta.url));
const require = createRequire(import.meta.url);

rmSync(join(root, "dist"), { recursive: true, force: true });
const tsc = join(dirname(require.resolve("typescript/package.json")), "bin/tsc");
execFileSync(process.execPath, [tsc, "-p", join(root, "tsconfig.build.json")], {
  stdio: "inherit",
});

// Copied, not a runtime dependency: those who install posthorn get two files and no install script. Each is named by what
// it holds, and lies beside itself compressed (src/http/static.ts serves them so).
// Brotli's highest would take ten seconds for a tenth less.
const swagger = dirname(require.resolve("swagger-ui-dist/package.json"));
const folder = join(root, "dist/swagger-ui");
mkdirSync(folder, { recursive: true });
for (const file of ["swagger-ui.css", "swagger-ui-bundle.js"]) {
  const bytes = readFileSync(join(swagger, file));
  const hash = createHash("sha256").update(bytes).digest("hex").slice(0, 16);
  const { name, ext } = parse(file);
  const path = join(folder, `${name}.${hash}${ext}`);
  writeFileSync(path, bytes);
  writeFileSync(
    `${path}.br`,
    brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 9 } }),
  );
  writeFileSync(`${path}.gz`, gzipSync(bytes, { level: 9 }));
}

await import("./packages.mjs");
await import("./bundle.mjs");
chmodSync(join(root, "dist/cli/index.js"), 0o755);
