// Where calls wait while the database is away, and are done in the order in which they came once it is back.
import { SECOND } from "./duration.ts";
import { PosthornError } from "./errors.ts";
import { databaseError, isDatabaseAbsent, isStopping, mayBeDone } from "./faults.ts";

export const WAIT_MS = 10 * SECOND; // a restart or a failover takes less; callers give up at 10 to 30 s

const CALLS_MAX = 4_000; // of a process: by reckoning, not measured, some 25 KB each, so a hundred megabytes
const BYTES_MAX = 64 * 1024 * 1024; // of what they brought
const PER_TENANT = 1 / 2; // of either, so that one tenant leaves as much to the others: 2,000, or 200 a second for the whole wait
const LOOK_MS = 100; // between two looks whether it is back; each is the first call's own try
const AT_ONCE_MAX = 100; // when it is back, growing by doubling: what goes there in one list, and may wait for a place of one key
const RETRY_AFTER_S = 1;

/** A call that may wait: what it takes, and what it has to know. */
export type Patience = {
  tenant: string;
  bytes: () => number;
  /** `WAIT_MS` at most. */
  waitMs: number;
  /** Aborts when the caller has gone. */
  signal?: AbortSignal | undefined;
  /** Called when it begins to wait. */
  waits(): void;
};

/** Does the work of a call; `mayBeDone` where an earlier try may have done it, its answer lost. */
export type Attempt<T> = (mayBeDone: boolean) => Promise<T>;

export type WaitingRoom = {
  /** Does the work; where the database is away, again when it is back. Rejects with `not_stored` where it is not in time. */
  enter<T>(call: Patience, attempt: Attempt<T>): Promise<T>;
  /** Whether calls wait: the database is away, or just back. */
  readonly isInUse: boolean;
  /** Nobody waits any more, for this process ends. */
  close(): void;
};

type Waiting = Omit<Patience, "bytes"> & {
  bytes: number;
  attempt: () => Promise<void>;
  fail(error: Error): void;
  /** Of a try after which nobody knows whether it was done. */
  unsure: Error | undefined;
  isTried: boolean;
  isOver: boolean;
};

/** How much waits of each tenant; of "" is what waits of all of them. */
type Taken = Map<string, { calls: number; bytes: number }>;

/** The rooms of one process, which share how much may wait. */
export type WaitingRooms = {
  /** Opens one for a database: while that is away, calls of no other wait. */
  open(): WaitingRoom;
  /** Closes all of them. */
  close(): void;
};

/** Creates the rooms of one process. */
export function createWaitingRooms(): WaitingRooms {
  const taken: Taken = new Map();
  const rooms: WaitingRoom[] = [];
  return {
    open() {
      const room = createWaitingRoom(taken);
      rooms.push(room);
      return room;
    },
    close: () => rooms.forEach((room) => room.close()),
  };
}

function createWaitingRoom(taken: Taken): WaitingRoom {
  const line = new Set<Waiting>();
  let width = 1; // how many are tried at once
  let trying = 0;
  let isAway = false;
  let lastError: unknown; // of those that say that it is away
  let isClosed = false;
  let look: NodeJS.Timeout | undefined;

  function count({ tenant, bytes }: Waiting, by: 1 | -1): void {
    for (const name of ["", tenant]) {
      const sum = taken.get(name) ?? { calls: 0, bytes: 0 };
      const next = { calls: sum.calls + by, bytes: sum.bytes + by * bytes };
      if (next.calls === 0) taken.delete(name);
      else taken.set(name, next);
    }
  }

  function isFull({ tenant, bytes: bytesOf }: Patience): boolean {
    const bytes = bytesOf();
    const isOver = (name: string, part: number) => {
      const sum = taken.get(name) ?? { calls: 0, bytes: 0 };
      return sum.calls >= CALLS_MAX * part || sum.bytes + bytes > BYTES_MAX * part;
    };
    return isOver("", 1) || isOver(tenant, PER_TENANT);
  }

  function leave(waiting: Waiting): void {
    if (line.delete(waiting)) count(waiting, -1);
  }

  function giveUp(waiting: Waiting, why: string): void {
    leave(waiting);
    waiting.fail(waiting.unsure ?? notStored(why, lastError));
  }

  function goOn(): void {
    if (look !== undefined) return;
    for (const waiting of line) {
      if (trying >= width) return;
      if (!waiting.isTried) void tryAgain(waiting);
    }
  }

  async function tryAgain(waiting: Waiting): Promise<void> {
    trying++;
    waiting.isTried = true;
    try {
      await waiting.attempt();
      leave(waiting);
      cameBack();
    } catch (error) {
      waiting.isTried = false;
      takeFailure(waiting, error);
    }
    trying--;
    goOn();
  }

  function takeFailure(waiting: Waiting, error: unknown): void {
    if (!isDatabaseAbsent(error)) {
      leave(waiting);
      waiting.fail((!isRefusal(error) && waiting.unsure) || (error as Error));
      return cameBack();
    }
    if (mayBeDone(error)) waiting.unsure = error as Error;
    wentAway(error);
    if (isClosed) endAll();
    else if (waiting.isOver) giveUp(waiting, OVER);
    lookSoon();
  }

  function wentAway(error: unknown): void {
    isAway = true;
    lastError = error;
    width = 1;
  }

  function cameBack(): void {
    isAway = false;
    width = Math.min(AT_ONCE_MAX, width * 2);
  }

  function endAll(): void {
    for (const waiting of line) if (!waiting.isTried) giveUp(waiting, STOPPING);
  }

  function wait<T>(call: Patience, attempt: Attempt<T>, error: unknown): Promise<T> {
    return new Promise((resolve, reject) => {
      const end = () => {
        clearTimeout(timer);
        call.signal?.removeEventListener("abort", gone);
      };
      const waiting: Waiting = {
        ...call,
        bytes: call.bytes(),
        attempt: async () => {
          resolve(await attempt(waiting.unsure !== undefined));
          end();
        },
        fail(why) {
          end();
          reject(why);
        },
        unsure: mayBeDone(error) ? (error as Error) : undefined,
        isTried: false,
        isOver: false,
      };
      const stop = (why: string) => () => {
        waiting.isOver = true; // one that is being tried ends with that try
        if (!waiting.isTried) giveUp(waiting, why);
      };
      const timer = setTimeout(stop(OVER), call.waitMs);
      const gone = stop("the caller has gone");
      call.signal?.addEventListener("abort", gone);
      line.add(waiting);
      count(waiting, 1);
      call.waits();
      if (isAway) lookSoon();
      else goOn();
    });
  }

  function lookSoon(): void {
    look ??= setTimeout(() => {
      look = undefined;
      goOn();
    }, LOOK_MS);
  }

  return {
    async enter(call, attempt) {
      let error: unknown;
      // Nobody goes before those that wait.
      if (line.size === 0)
        try {
          return await attempt(false);
        } catch (cause) {
          if (!isDatabaseAbsent(cause)) throw cause;
          wentAway(cause);
          error = cause;
        }
      if (isClosed || call.waitMs <= 0 || call.signal?.aborted || isFull(call))
        throw refused(error, lastError);
      return wait(call, attempt, error);
    },
    get isInUse() {
      return line.size > 0;
    },
    close() {
      isClosed = true;
      if (isAway) endAll();
    },
  };
}

const OVER = "the database is away, and was not back in time";
const STOPPING = "the database is away, and this process is stopping";

function notStored(why: string, cause: unknown): PosthornError {
  return new PosthornError("not_stored", `${why}; nothing was stored, send it again`, {
    retryAfterS: RETRY_AFTER_S,
    cause,
  });
}

// Of one that was not tried, or failed of what says itself what it was.
function refused(error: unknown, lastError: unknown): unknown {
  if (error !== undefined && (mayBeDone(error) || isStopping(error))) return error;
  return new PosthornError(
    "database_unavailable",
    "the database is away, and this call may not wait for it; nothing was stored, try again",
    { retryAfterS: RETRY_AFTER_S, cause: error ?? lastError },
  );
}

// The database's own no is as sure as its yes: an earlier try that was done would have been found.
function isRefusal(error: unknown): boolean {
  if (error instanceof PosthornError) return error.status === 400;
  return databaseError(error)?.code.startsWith("PH") ?? false;
}
