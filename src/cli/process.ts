// What every command shares: its settings, its words to a person, its end by a signal.
import { existsSync } from "node:fs";

import { loadConfig, type Config } from "../config.ts";

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
