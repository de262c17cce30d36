import { fileURLToPath } from "node:url";

import { expect, test } from "@jest/globals";
import { build } from "esbuild";

const ENTRY = fileURLToPath(new URL("../../src/verify/index.ts", import.meta.url));

test("posthorn/verify bundles for any runtime under 8 KB, and holds nothing but itself and the presets", async () => {
  const { metafile } = await build({
    entryPoints: [ENTRY],
    bundle: true,
    minify: true,
    format: "esm",
    platform: "neutral", // no Node built-in resolves here, so that an import of one fails the build
    metafile: true,
    write: false,
    logLevel: "silent",
  });
  expect(Object.values(metafile.outputs)[0]?.bytes).toBeLessThan(8 * 1_024);
  const strangers = Object.keys(metafile.inputs).filter(
    (path) => !/(^|\/)src\/(verify|presets)\/[a-z-]+\.ts$/.test(path),
  );
  expect(strangers).toEqual([]);
});
