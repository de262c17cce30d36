// What `npm install` and `npm ci` run in a clone: the build, where there is what it takes.
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";

const isBuildable = ["typescript-native", "swagger-ui-dist", "vite"].every((name) => {
  try {
    return createRequire(import.meta.url).resolve(`${name}/package.json`);
  } catch {
    return false;
  }
});

if (isBuildable) await import("./build.mjs");
else if (!existsSync(fileURLToPath(new URL("../dist", import.meta.url))))
  console.error(
    "posthorn: nothing is built, since the development dependencies are left out: bring a dist/ that was built elsewhere (npm ci)",
  );
