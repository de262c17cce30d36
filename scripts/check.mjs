// `npm run check`: everything that is judged without running the product. Each step is a sentence that has to hold;
// `npm run check -- lint types` runs those whose sentence has one of the words.
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

const TSC = "node node_modules/typescript-native/bin/tsc"; // a third of the time; the other is whose API the linter asks
const STEPS = {
  "Lint is clean": "eslint .",
  "Types hold": `${TSC} && ${TSC} -p src/dashboard`,
  "The package is well formed": "node scripts/check-package.mjs",
  Formatted: "prettier --check --log-level warn .",
  "Nothing is unused": "knip --no-progress",
  "openapi.yaml matches the router": "node --import tsx scripts/openapi.ts --check",
  "The description is clean": "redocly lint --format stylish openapi.yaml",
  "db/schema.sql matches the migrations": "node --import tsx scripts/dump-schema.ts --check",
  ".env.example matches the settings": "node --import tsx scripts/env-example.ts --check",
};

const AT_ONCE = 2; // the first two take the longest; more at once gain nothing on two cores

const root = fileURLToPath(new URL("..", import.meta.url));
const env = {
  ...process.env,
  PATH: `${root}node_modules/.bin:${process.env.PATH}`,
  PRETTIER_EXPERIMENTAL_CLI: "1", // the same formatter, a quarter cheaper
  REDOCLY_TELEMETRY: "off",
  REDOCLY_SUPPRESS_UPDATE_NOTICE: "true",
};

const words = process.argv.slice(2).map((word) => word.toLowerCase());
const isWanted = (sentence) =>
  words.length === 0 || words.some((word) => sentence.toLowerCase().includes(word));
const steps = Object.entries(STEPS).filter(([sentence]) => isWanted(sentence));
const count = steps.length;

let failed = 0;
await Promise.all(Array.from({ length: AT_ONCE }, runSteps));
process.stdout.write(`\n${count - failed} of ${count} hold\n`);
process.exitCode = failed === 0 && count > 0 ? 0 : 1;

async function runSteps() {
  for (let step = steps.shift(); step; step = steps.shift()) {
    const [sentence, command] = step;
    const startedAt = performance.now();
    const { code, output } = await run(command);
    const seconds = ((performance.now() - startedAt) / 1_000).toFixed(1);
    process.stdout.write(`${code === 0 ? "✓" : "✗"} ${sentence} (${seconds} s)\n`);
    if (code === 0) continue;
    failed++;
    process.stdout.write(`\n$ ${command}\n${output.trimEnd()}\n\n`);
  }
}

function run(command) {
  return new Promise((resolve) => {
    const child = spawn(command, {
      cwd: root,
      env,
      shell: true,
      stdio: ["ignore", "pipe", "pipe"],
    });
    let output = "";
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding("utf8").on("data", (text) => (output += text));
    child.once("close", (code) => resolve({ code, output }));
  });
}
