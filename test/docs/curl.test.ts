// Every call by curl in README.md and docs/ is one that the service takes: an operation that there is, its body said to be JSON.
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

import { expect, test } from "@jest/globals";

import { OPERATIONS } from "../../src/rpc/router.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
const pages = [
  "README.md",
  ...readdirSync(`${root}docs`, { recursive: true, encoding: "utf8" }).map(
    (name) => `docs/${name}`,
  ),
].filter((name) => name.endsWith(".md"));
const calls = pages.flatMap((page) =>
  [
    ...readFileSync(root + page, "utf8")
      .replaceAll("\\\n", " ")
      .matchAll(/^.*\bcurl -?.*$/gm),
  ]
    .map(([line]) => ({ page, line }))
    .filter(({ line }) => / -d ['"]/.test(line)),
);

test("every curl that sends a body says that it is JSON", () => {
  expect(calls.length).toBeGreaterThan(4);
  expect(calls.filter(({ line }) => !line.includes("Content-Type: application/json"))).toEqual([]);
});

test("every curl that names an operation names one that there is", () => {
  const named = calls.flatMap(({ page, line }) => {
    const [, name] = /\/([a-z_]+\.[a-z_]+) /.exec(line) ?? [];
    return name === undefined ? [] : [{ page, name }];
  });
  expect(named.length).toBeGreaterThan(3);
  expect(named.filter(({ name }) => !OPERATIONS.has(name))).toEqual([]);
});
