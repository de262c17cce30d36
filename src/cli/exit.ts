// How a command ends: its exit codes, and the errors that carry them.
import { StartError } from "../kernel/errors.ts";

/** What a command ends with; docs/commands.md has the same table. */
export const EXIT = {
  done: 0,
  failed: 1,
  usage: 2,
  unreached: 3,
  refused: 4,
  found: 5,
  interrupted: 130, // 128 and the number of SIGINT, as shells have it
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** The end of a command that can't go on, in one line, with its exit code. */
export class CommandError extends StartError {
  readonly exitCode: ExitCode;

  constructor(exitCode: ExitCode, message: string, options: { cause?: unknown } = {}) {
    super(message, options);
    this.exitCode = exitCode;
  }
}

/** A command line that can't be meant. */
export class UsageError extends CommandError {
  constructor(message: string) {
    super(EXIT.usage, message);
  }
}
