// The log: JSON lines on stdout, readable ones when stdout is a terminal.
import pino from "pino";
import pretty from "pino-pretty";

export type LogLevel = "debug" | "info" | "warn" | "error";
export type Log = pino.Logger;

/**
 * A logger on stdout, or on `destination`, which gets a line of JSON at a time. Errors are reduced to an allow-list of fields: an HTTP client's error carries the
 * request's headers and body, which must not reach the log.
 */
export function createLog(level: LogLevel, destination?: { write(line: string): void }): Log {
  const options: pino.LoggerOptions = {
    level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
    serializers: { err: errorFields },
  };
  if (destination) return pino(options, destination);
  if (!process.stdout.isTTY) return pino(options, pino.destination({ fd: 1, sync: true }));
  return pino(options, pretty({ colorize: true, ignore: "pid,hostname", sync: true }));
}

/** A logger that drops everything, for tests and for tools that print for themselves. */
export const silentLog: Log = pino({ level: "silent" }, { write: () => {} }); // else it waits for the process's exit

/** What of an error may be logged: name, message, code, stack and the same of its causes. */
function errorFields(error: unknown, depth = 0): Record<string, unknown> {
  if (!(error instanceof Error)) return { message: String(error) };
  const code = "code" in error ? { code: error.code } : {};
  const cause =
    error.cause === undefined || depth > 3 ? {} : { cause: errorFields(error.cause, depth + 1) };
  return { name: error.name, message: error.message, ...code, stack: error.stack, ...cause };
}
