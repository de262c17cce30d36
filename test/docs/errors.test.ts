import { readFileSync } from "node:fs";
import { join } from "node:path";

import { expect, test } from "@jest/globals";

import { ERROR_STATUS } from "../../src/kernel/errors.ts";
import { ROOT } from "../helpers/process.ts";

test("docs/errors.md lists every code with its status, and no other", () => {
  const page = readFileSync(join(ROOT, "docs/errors.md"), "utf8");
  const rows = [...page.matchAll(/^\| `(\w+)` +\| (\d+) /gm)];
  expect(Object.fromEntries(rows.map(([, code, status]) => [code, Number(status)]))).toEqual(
    ERROR_STATUS,
  );
});
