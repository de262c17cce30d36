// Posthorn inside a program of somebody else's: a real one, with a server of its own.
import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

import { expect, test } from "@jest/globals";

import { createTestDatabase } from "../helpers/database.ts";
import { ROOT, run } from "../helpers/process.ts";
import { SECRETS_KEY } from "../helpers/service.ts";

const { resolve } = createRequire(import.meta.url);
const PROGRAM = join(ROOT, "test/e2e/embedded-in.mjs");

test("two services in somebody's process deliver, change nothing of it, and let it end", async () => {
  const databases = await Promise.all([createTestDatabase(), createTestDatabase()]);
  const packages = ["express", "undici"].map((name) => pathToFileURL(resolve(name)).href);
  const program = run(
    process.execPath,
    ["--import", import.meta.resolve("tsx"), PROGRAM, join(ROOT, "src/index.ts"), ...packages],
    {
      cwd: ROOT,
      env: {
        URLS: databases.map(({ url }) => url).join(" "),
        KEY: "a key of twenty-four characters".replaceAll(" ", "-"),
        SECRETS_KEY,
      },
    },
  );
  expect(await program.exited).toEqual({ code: 0, signal: null });
  expect(program.stderr).toBe("");
  const [said = "", ...rest] = program.stdout.split("\n");
  expect(rest).toEqual([""]); // the log went where it was told to
  expect(JSON.parse(said)).toEqual({
    urls: ["", true],
    subscribed: 200,
    received: "hello",
    ofAlone: [],
    tooLate: [
      500,
      "the body was read before it came here: in a server of your own, Posthorn's app comes before express.json()",
    ],
    ready: 200,
    docs: 200,
    trpc: 200,
    mine: "mine",
    wrong: "StartError: PORT: a whole number is needed",
    several:
      "POSTHORN_PROCESSES: a program of yours is one process; run posthorn worker beside it with 2",
    unknown: "POSTHORN_HOLD is not a setting of this version; did you mean POSTHORN_HOLD_H?",
    afterwards: 503,
    changed: [],
    isFetchOurs: [false, false],
    logged: true,
  });
  await Promise.all(databases.map(({ drop }) => drop()));
});
