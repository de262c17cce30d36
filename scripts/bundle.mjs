// Makes one file of the command, over what the compiler has made of it: the thousand that it consists of take Node three times
// as long to load, which each start waits for. `node scripts/bundle.mjs [folder]` does it in a copy of the project.
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

import { build } from "esbuild";

const root = fileURLToPath(new URL("..", import.meta.url));
const outdir = join(resolve(process.argv[2] ?? root), "dist/cli");

mkdirSync(outdir, { recursive: true });
for (const name of readdirSync(outdir)) if (/\.js(\.map)?$/.test(name)) rmSync(join(outdir, name));

const { metafile } = await build({
  absWorkingDir: root,
  entryPoints: {
    index: "src/cli/index.ts",
    thread: "src/event-types/judging/thread.ts", // which is looked for beside it
  },
  outdir,
  bundle: true,
  splitting: true, // of commands, and what they alone need
  platform: "node",
  format: "esm",
  target: "node20",
  // What others put themselves before, or share; and what only a developer has.
  external: [
    ...["pg", "@opentelemetry/api", "json-schema-to-typescript"],
    ...["@nats-io/jetstream", "@nats-io/transport-node", "amqplib", "kafkajs"],
  ],
  banner: {
    // for the packages in it that are not modules yet
    js: 'import { createRequire as from } from "node:module"; const require = from(import.meta.url);',
  },
  metafile: true,
});
writeFileSync(join(outdir, "LICENSES.txt"), licensesOf(Object.keys(metafile.inputs)));

/** The licences of the packages that files are of. */
function licensesOf(files) {
  const folders = new Set(
    files.flatMap((file) => /^.*node_modules\/(@[^/]+\/)?[^/]+/.exec(file)?.[0] ?? []),
  );
  return [...folders].sort().map(licenseOf).join("\n");
}

function licenseOf(folder) {
  const { name, version, license } = JSON.parse(
    readFileSync(join(root, folder, "package.json"), "utf8"),
  );
  const file = readdirSync(join(root, folder)).find((each) => /^licen[cs]e/i.test(each));
  const text = file === undefined ? "" : readFileSync(join(root, folder, file), "utf8").trim();
  return `${name} ${version} (${license})\n\n${text}\n`;
}
