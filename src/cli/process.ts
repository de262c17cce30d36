// What every command shares: its settings, its words to a person, its end by a signal.
import { existsSync } from "node:fs";

import { loadConfig, type Config } from "../config.ts";
import { StartError } from "../kernel/errors.ts";

/** A command line that can't be meant: told in one line, as every end of a start is, with an exit code of its own. */
export class UsageError extends StartError {}

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
  process.stderr.on("error", () => {}); // of this nobody can be told
}

/** The settings of the environment, and of a file .env beside the person. Throws a StartError of one line for a bad one. */
export function readConfig(): Config {
  if (existsSync(".env")) process.loadEnvFile(".env");
  return loadConfig(process.env, say);
}

/** Aborts when the process is told to end. */
export function endSignal(): AbortSignal {
  const ended = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => ended.abort());
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
