// What a failed statement means: is the database away, did it refuse, is a row to blame for it, and may it have been done
// all the same?
import { DatabaseError } from "pg";

// Classes and codes of SQLSTATE under which the same statement succeeds later, unchanged.
const AWAY_CODES = [
  /^08/, // connection exceptions
  /^53/, // out of disk, memory, connections
  /^57P0/, // shut down, crashed, starting
  /^58/, // system errors of the server's machine
  /^25006$/, // read-only: a standby, or a server that protects itself
  /^55P03$/, // locked by others for longer than we wait
  /^57014$/, // cancelled by its time limit
  /^40/, // serialization failure or deadlock: rolled back whole
  /^PH503$/, // of a tenant that is being moved to another cell
  /^(26000|42P05)$/, // a pooler has led to a session where a statement of ours is not prepared, or is already
];

// The driver has no codes for its own errors.
const DRIVER_TEXTS =
  /^(Connection terminated\b|timeout exceeded when trying to connect|Query read timeout|Client has encountered a connection error|Client was closed)/;

// Of Kysely and of its pool once we have closed them: a process that stops comes to a request no more.
const CLOSED_TEXTS =
  /^(driver has already been destroyed|Cannot use a pool after calling end on the pool)$/;

/** True where nothing was asked of the database, since this process has let go of it. */
export function isStopping(error: unknown): boolean {
  return error instanceof Error && CLOSED_TEXTS.test(error.message);
}

/** A session that was had, and is not as our statements need it: as little use as none. */
export class SessionRefused extends Error {
  override name = "SessionRefused";
}

/** True where a tenant is being moved to another cell, or lives there by now, and nothing was done of what was asked. */
export function isBeingMoved(error: unknown): error is DatabaseError {
  return error instanceof DatabaseError && error.code === "PH503";
}

/** True where the database could not be reached or could not take writes now: answered 503, and tried again. */
export function isDatabaseAway(error: unknown): boolean {
  if (error instanceof DatabaseError) return AWAY_CODES.some((code) => code.test(error.code ?? ""));
  if (error instanceof SessionRefused) return true;
  // By shape: Node's own errors can be of another realm's class, as under a test runner.
  const { syscall, message, errors } = Object(error) as {
    syscall?: unknown;
    message?: unknown;
    errors?: unknown;
  };
  if (typeof syscall === "string") return true; // ECONNREFUSED, ECONNRESET, EPIPE, ENOENT of a socket file, ENOTFOUND …
  if (Array.isArray(errors) && errors.length > 0) return errors.every(isDatabaseAway); // one for each address tried
  return DRIVER_TEXTS.test(String(message)) || isStopping(error);
}

// Of these a process says once that the database is away: not of a statement that alone was refused, or took too long.
const ABSENT_CODES = /^(08|57P0|25006$|53300$)/;
const SLOW_TEXT = /^Query read timeout/;

/** True where an error says no more than that the database is away, which is logged where connections are made. */
export function isDatabaseAbsent(error: unknown): boolean {
  const code = databaseError(error)?.code;
  if (code !== undefined) return ABSENT_CODES.test(code);
  return isDatabaseAway(error) && !(error instanceof Error && SLOW_TEXT.test(error.message));
}

// Cardinality, data exceptions and violated constraints: the same row is refused tomorrow, too.
const OF_THE_ROW = /^2[123]/;
const CHECK_VIOLATION = "23514"; // so is called, too, that a row's partition is not there

/**
 * True where a statement failed of what is in a row, and will fail of it for ever. Whatever else it fails of (a lock, a right,
 * a partition, a column that a newer schema has renamed, somebody's trigger) may be over when it is tried again.
 */
export function isOwnFault(error: unknown): boolean {
  const code = databaseError(error)?.code ?? "";
  return OF_THE_ROW.test(code) && code !== CHECK_VIOLATION;
}

// What the server says when it ends a session, and where it does not know itself: the commit may have come before.
const OUTCOME_UNKNOWN = /^(08|57P|40003$)/;

// What is known beside the error itself: a property, since whoever wraps an error copies those.
type Marked = { isUnsent?: true; isAfterCommit?: true };

/** Marks the error of a connection that was not had: nothing was sent over it. */
export function unsent(error: unknown): unknown {
  return mark(error, { isUnsent: true });
}

function mark(error: unknown, known: Marked): unknown {
  return typeof error === "object" && error !== null ? Object.assign(error, known) : error;
}

/** Does what follows a commit. Where the database goes away meanwhile, what was committed stays: that is no "nothing was stored". */
export async function afterCommit<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw mark(error, { isAfterCommit: true });
  }
}

/**
 * True where what was asked of a database that is away may have been done: its answer was cut off or did not come. False
 * where nothing was sent, or where the server said that it has rolled back.
 */
export function mayBeDone(error: unknown): boolean {
  if (!isDatabaseAway(error)) return false;
  const { isUnsent, isAfterCommit } = error as Marked;
  if (isAfterCommit) return true;
  if (isUnsent || isStopping(error)) return false;
  const code = databaseError(error)?.code;
  return code === undefined || OUTCOME_UNKNOWN.test(code);
}

/** The SQLSTATE and the column of an error that PostgreSQL answered, or undefined. */
export function databaseError(
  error: unknown,
): { code: string; column: string; message: string } | undefined {
  if (!(error instanceof DatabaseError)) return undefined;
  return { code: error.code ?? "", column: error.column ?? "", message: error.message };
}
