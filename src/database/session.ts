// A session of its own out of a pool, for work that may have to end in the middle of a statement.
import type pg from "pg";

export type Session = {
  query<R extends pg.QueryResultRow>(text: string, values?: unknown[]): Promise<pg.QueryResult<R>>;
};

/**
 * Lends a connection of the pool to `work`, and closes it at the end, or as soon as `signal` aborts. A statement that is not
 * answered within `silenceMaxMs` fails.
 */
export async function withSession<T>(
  pool: pg.Pool,
  { signal, silenceMaxMs }: { signal: AbortSignal; silenceMaxMs: number },
  work: (session: Session) => Promise<T>,
): Promise<T> {
  signal.throwIfAborted();
  const client = await connectUntil(signal, pool);
  const ended = once(() => client.release(true)); // in the middle of a statement too
  signal.addEventListener("abort", ended);
  try {
    return await work({
      query: (text, values = []) =>
        client.query({ text, values, query_timeout: silenceMaxMs } as pg.QueryConfig),
    });
  } finally {
    signal.removeEventListener("abort", ended);
    ended();
  }
}

// Work that has to end does not wait for a database that is silent.
async function connectUntil(signal: AbortSignal, pool: pg.Pool): Promise<pg.PoolClient> {
  const connecting = pool.connect();
  let abort = () => {};
  const aborted = new Promise<never>((_resolve, reject) => {
    abort = () => reject(signal.reason as Error);
  });
  signal.addEventListener("abort", abort);
  try {
    return await Promise.race([connecting, aborted]);
  } catch (error) {
    connecting.then(
      (client) => client.release(true),
      () => {},
    );
    throw error;
  } finally {
    signal.removeEventListener("abort", abort);
  }
}

function once(act: () => void): () => void {
  let isDone = false;
  return () => {
    if (!isDone) act();
    isDone = true;
  };
}
