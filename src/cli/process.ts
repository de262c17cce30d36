// What every command shares with its process: its settings, its words to a person, how it ends.
import { existsSync } from "node:fs";
import { createInterface } from "node:readline/promises";

import { loadConfig, type Config } from "../config.ts";
import { EXIT } from "./exit.ts";
import { whenNpmShellEnds } from "./npm-shell.ts";
import type { Conversation, Terminal } from "./terminal.ts";

const unread = new AbortController();

/** Aborts when nothing more can be printed, mostly since whoever read it has enough. */
export const readerGone: AbortSignal = unread.signal;

/**
 * Sees to it that a reader who goes (`| head -1`) ends nothing half-way: what is still printed is dropped, and a command
 * comes to its own end.
 */
export function outliveReaders(): void {
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    unread.abort();
    if (error.code === "EPIPE") return;
    say(`posthorn: what it has to say can't be written: ${error.message}`);
    process.exitCode = 1;
  });
  process.stderr.on("error", () => {}); // nobody is left to hear of this
}

/** The terminal, or the pipes, of this process, with the environment and a file .env beside the person. */
export function processTerminal(): Terminal {
  readEnvFile();
  const { stdin, stdout, stderr } = process;
  return {
    env: process.env,
    out: stdout,
    err: stderr,
    exitCode: EXIT.done,
    readerGone,
    confirm: stdin.isTTY && stderr.isTTY ? confirm : null,
    converse: stdin.isTTY ? converse : null,
    async readInput(bytesMax) {
      const parts: Buffer[] = [];
      let bytes = 0;
      for await (const part of stdin as AsyncIterable<Buffer>) {
        bytes += part.length;
        if (bytes > bytesMax) return undefined;
        parts.push(part);
      }
      return Buffer.concat(parts).toString("utf8");
    },
    onInterrupt(act) {
      let count = 0;
      const interrupted = () => {
        count += 1;
        if (count > 1) process.exit(EXIT.interrupted); // whoever presses it twice waits for nothing
        act();
      };
      process.on("SIGINT", interrupted);
      return () => void process.off("SIGINT", interrupted);
    },
  };
}

// A terminal gives several lines at once where they are pasted: what is not asked for yet is kept.
function converse(interrupt: () => void): Conversation {
  const reader = createInterface({ input: process.stdin, output: process.stderr });
  const typed: string[] = [];
  let isOver = false;
  let asked: { prompt: () => string; answer: (line: string | undefined) => void } | undefined;
  const answer = () => {
    if (asked === undefined || (typed.length === 0 && !isOver)) return;
    const { answer } = asked;
    asked = undefined;
    answer(typed.shift());
  };
  const show = () => {
    reader.setPrompt(asked?.prompt() ?? "");
    reader.prompt();
  };
  reader
    .on("line", (line) => {
      typed.push(line);
      answer();
    })
    .on("close", () => {
      isOver = true;
      answer();
    })
    .on("SIGINT", () => {
      interrupt();
      reader.write(null, { ctrl: true, name: "u" }); // what stands in the line goes
      process.stderr.write("\n");
      if (asked) show();
    });
  return {
    ask: (prompt) =>
      new Promise((resolve) => {
        asked = { prompt, answer: resolve };
        if (typed.length === 0 && !isOver) show();
        else answer();
      }),
    close: () => reader.close(),
  };
}

// Anything but a yes is a no, Ctrl-C and a closed input too.
async function confirm(question: string): Promise<boolean> {
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const closed = new Promise<string>((resolve) => {
      lines.once("SIGINT", () => lines.close()).once("close", () => resolve(""));
    });
    const answer = await Promise.race([lines.question(`${question} [y/N] `), closed]);
    return /^y(es)?$/i.test(answer.trim());
  } finally {
    lines.close();
  }
}

/** The settings of the environment, and of a file .env beside the person. Throws a StartError of one line for a bad one. */
export function readConfig(env = process.env, warn = say): Config {
  readEnvFile();
  return loadConfig(env, warn);
}

// What the environment has already goes before what stands in the file.
function readEnvFile(): void {
  if (existsSync(".env")) process.loadEnvFile(".env");
}

/** Aborts when the process is to end: at SIGTERM or SIGINT, or with the shell in which npm runs it. */
export function endSignal(): AbortSignal {
  const ended = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => ended.abort());
  whenNpmShellEnds(() => ended.abort());
  return ended.signal;
}

/** Resolves when the signal is aborted, at once where it is already. */
export function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
}

/** What is meant for a person's eyes. */
export function say(text: string): void {
  process.stderr.write(`${text}\n`);
}
