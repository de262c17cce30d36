#!/usr/bin/env node
// The process of a command: runs it, and ends as it says.
import { outliveReaders, processTerminal } from "./process.ts";
import { runCommand } from "./program.ts";

outliveReaders();

const code = await runCommand(process.argv.slice(2), processTerminal());
// Where all went well, what is still open ends by itself.
if (code !== 0) process.exit(code);
