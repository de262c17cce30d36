// Builds the dashboard: dist/dashboard/ from src/dashboard, by Vite. It takes up at most what a first look may cost, and
// holds the licences of all that went into it. `node scripts/dashboard.mjs` builds it alone.
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

import license from "rollup-plugin-license";
import { build } from "vite";

import { writeCompressed } from "./assets.mjs";

const FIRST_LOAD_MAX = { ".js": 180_000, ".css": 40_000 }; // bytes by gzip: a second on a slow line
const FIRST_VIEW = /views\/overview\/overview\.tsx$|parts\/plot\.tsx$/;

const source = fileURLToPath(new URL("../src/dashboard", import.meta.url));
const folder = fileURLToPath(new URL("../dist/dashboard", import.meta.url));
const name = "[name].[hash:16]";

rmSync(folder, { recursive: true, force: true });
mkdirSync(folder, { recursive: true });

const { output } = await build({
  root: source,
  configFile: false,
  logLevel: "error", // it warns of each "use client" of a package
  base: "./", // it stands under whatever path a proxy puts before it
  plugins: [
    license({
      thirdParty: { output: { file: join(folder, "licences.txt") } },
    }),
  ],
  build: {
    write: false,
    target: "es2022",
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 1_000,
    rolldownOptions: {
      output: {
        hashCharacters: "hex",
        entryFileNames: `${name}.js`,
        chunkFileNames: `${name}.js`,
        assetFileNames: `${name}[extname]`,
      },
    },
  },
});

const bytesOf = (file) => Buffer.from(file.type === "chunk" ? file.code : file.source);
for (const file of output) {
  const path = join(folder, file.fileName);
  if (/\.[0-9a-f]{16}\.(?:js|css)$/.test(file.fileName)) writeCompressed(path, bytesOf(file));
  else writeFileSync(path, bytesOf(file));
}

// What the page names, and the view that it opens with.
const chunks = new Map(output.map((file) => [file.fileName, file]));
const page = String(chunks.get("index.html").source);
const first = new Set();
const visit = (name) => {
  const file = chunks.get(name);
  if (!file || first.has(name)) return;
  first.add(name);
  for (const style of file.viteMetadata?.importedCss ?? []) visit(style);
  for (const imported of file.imports ?? []) visit(imported);
};
for (const name of chunks.keys()) if (page.includes(name)) visit(name);
for (const { fileName, facadeModuleId } of output)
  if (FIRST_VIEW.test(facadeModuleId ?? "")) visit(fileName);

for (const [kind, max] of Object.entries(FIRST_LOAD_MAX)) {
  const bytes = [...first]
    .filter((name) => name.endsWith(kind))
    .reduce((sum, name) => sum + gzipSync(bytesOf(chunks.get(name)), { level: 9 }).length, 0);
  if (bytes > max)
    throw new Error(`the dashboard's first load is ${bytes} bytes of ${kind}, and may be ${max}`);
  process.stdout.write(`the dashboard's first load: ${bytes} bytes of ${kind} (gzip)\n`);
}
