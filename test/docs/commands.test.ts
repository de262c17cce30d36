// docs/commands.md and the program itself name the same commands, and exit codes that are the program's.
import { readFileSync } from "node:fs";

import { expect, test } from "@jest/globals";
import type { Command } from "commander";

import { EXIT } from "../../src/cli/exit.ts";
import { createProgram } from "../../src/cli/program.ts";
import type { Terminal } from "../../src/cli/terminal.ts";

const page = readFileSync(new URL("../../docs/commands.md", import.meta.url), "utf8");
const program = createProgram({ out: process.stdout, err: process.stderr } as unknown as Terminal);

const leaves = (command: Command): Command[] =>
  command.commands.length === 0 ? [command] : command.commands.flatMap(leaves);
const nameOf = (command: Command): string =>
  command.parent ? `${nameOf(command.parent)} ${command.name()}` : command.name();

test("docs/commands.md lists every command that there is, and no other", () => {
  const listed = [...page.matchAll(/^\| `(posthorn [a-z -]+)` /gm)].map(([, name]) => name);
  expect(listed.sort()).toEqual(leaves(program).map(nameOf).sort());
});

test("docs/commands.md lists every exit code that there is, and no other", () => {
  const listed = [...page.matchAll(/^\| (\d+) +\|/gm)].map(([, code]) => Number(code));
  expect(listed).toEqual(Object.values(EXIT));
});

test("every option that docs/commands.md names is one that some command has", () => {
  const known = new Set(
    leaves(program).flatMap((command) => command.options.map(({ long }) => long)),
  );
  const named = [...page.matchAll(/`(--[a-z-]+)`/g)].map(([, name]) => name);
  expect(named.filter((name) => name !== "--help" && !known.has(name))).toEqual([]);
});

test("every command shows examples of itself, each with options that it has", () => {
  for (const command of leaves(program)) {
    let help = "";
    command.configureOutput({ writeOut: (text) => void (help += text) }).outputHelp();
    const examples = help.split("\n").filter((line) => line.startsWith("  $ "));
    const named = examples.filter((line) => line.includes(nameOf(command)));
    expect([nameOf(command), named.length > 0]).toEqual([nameOf(command), true]);
    const known = command.options.map(({ long }) => long);
    const given = named.flatMap((line) =>
      [...line.matchAll(/ (--[a-z-]+)/g)].map(([, name]) => name),
    );
    expect(given.filter((name) => !known.includes(name))).toEqual([]);
  }
});
