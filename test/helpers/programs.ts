// Tests that need a program which a machine may lack: skipped there, and the name says why; in CI they fail.
import { spawnSync } from "node:child_process";

import { test } from "@jest/globals";

/** A program's name, and the arguments that prove it whole: it then exits with 0. */
export type Programs = Record<string, string[]>;

type NeedyTest = (name: string, run: () => Promise<void>, timeoutMs?: number) => void;

/**
 * Answers the `test` to use where these programs are needed.
 *
 * @example
 * const testIf = testWith({ java: ["-version"] });
 * testIf("the client in Java compiles", async () => {});
 */
export function testWith(programs: Programs): NeedyTest {
  const missing = Object.entries(programs)
    .filter(([program, proof]) => spawnSync(program, proof, { stdio: "ignore" }).status !== 0)
    .map(([program, proof]) => `"${[program, ...proof].join(" ")}"`)
    .join(" and ");
  if (missing === "") return test;
  const testIf = process.env["CI"] ? test : test.skip;
  const reason = new Error(`${missing} has to work where CI is set; install it`);
  return (name) =>
    testIf(`${name} (skipped: ${missing} does not work here)`, () => Promise.reject(reason));
}
