// docs/security.md is worth something only while the tests that it names are there.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { expect, test } from "@jest/globals";

import { ROOT } from "../helpers/process.ts";

const page = readFileSync(join(ROOT, "docs/security.md"), "utf8");
const rows = page
  .split("\n")
  .filter((line) => line.startsWith("| ") && !/^\| (threat|-)/.test(line));
const named = [...page.matchAll(/`(test\/[^`]+)`: `([^`]+)`/g)].map(([, file = "", name = ""]) => ({
  file,
  name,
}));

test("each threat in docs/security.md names a test", () => {
  expect(rows.length).toBeGreaterThan(50);
  expect(rows.filter((row) => !/`test\/[^`]+`: `[^`]+` *\|$/.test(row))).toEqual([]);
});

test("each test that docs/security.md names is there, under that name", () => {
  const gone = named.filter(({ file, name }) => !testNames(file).includes(name));
  expect(gone).toEqual([]);
});

test("docs/security.md names its tests in one form alone", () => {
  const files = [...page.matchAll(/`test\/[^`]+`/g)].length;
  expect(files).toBe(named.length + 1); // this file's own
});

/** Answers the texts that stand, alone in their quotes, where a test's name would. */
function testNames(file: string): string[] {
  const path = join(ROOT, file);
  if (!existsSync(path)) return [];
  return [...readFileSync(path, "utf8").matchAll(/\(\s*(["`])(.*?)\1,/g)].map(
    ([, , name = ""]) => name,
  );
}
