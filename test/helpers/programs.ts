// Tests that need a program which a machine may lack: skipped there, and the name says why; in CI they fail.
import { spawnSync } from "node:child_process";

import { test } from "@jest/globals";

/** A program's name, and the arguments that prove it whole: it then exits with 0. */
export type Programs = Record<string, string[]>;

type NeedyTest = (name: string, run: () => Promise<void>, timeoutMs?: number) => void;

/** Options of a JVM that runs for seconds, in which its second compiler and its collector's threads don't earn what they cost. */
export const BRIEFLY = ["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"];

/** The environment of Go's compiler: without C, so that all that is built shares its standard library. */
export const WITHOUT_C = { CGO_ENABLED: "0" };

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
    .map(([program]) => program)
    .join(", ");
  if (missing === "") return test;
  const testIf = process.env["CI"] ? test : test.skip;
  return (name) => {
    const title = `${name} (missing here: ${missing})`;
    if (testIf !== test) process.stderr.write(`skipped: ${title}\n`); // jest shows no console here
    testIf(title, () => Promise.reject(new Error(`${missing}: install it, CI skips nothing`)));
  };
}
