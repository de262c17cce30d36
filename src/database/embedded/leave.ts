// How the owner and a guest leave the server.
import type pg from "pg";

import type { Log } from "../../kernel/log.ts";
import { keepOwnership, type Reopen } from "./keep-ownership.ts";
import { stopServer } from "./stop-server.ts";
import { stopUnlessUsed, stopUnused } from "./stop-unused.ts";

/**
 * Holds the data folder from now on, starting a server that ends again. `lost` resolves where that can't be done; `stop`
 * stops the server, and then lets go.
 */
export function ownUntilStopped(
  session: pg.Client,
  options: { clusterDir: string; reopen: Reopen; log: Log },
): { lost: Promise<Error>; stop: () => Promise<void> } {
  const { clusterDir, log } = options;
  const stopping = new AbortController();
  const kept = keepOwnership(session, { ...options, stopping: stopping.signal });
  const lost = kept.then(
    () => new Promise<never>(() => {}),
    (error: Error) => error,
  );
  const stop = async () => {
    stopping.abort();
    const held = await kept.catch(() => undefined);
    // Without the lock another service may have taken the folder meanwhile: then it stays.
    const stopped = await (held === undefined ? stopUnused(clusterDir) : stopServer(clusterDir));
    if (!stopped) log.error({ clusterDir }, "PostgreSQL did not stop");
    await held?.end().catch(() => undefined);
  };
  return { lost, stop };
}

/** Leaves a server that was there before; one that the guest started stops, unless somebody else came meanwhile. */
export async function leaveAsGuest(
  session: pg.Client,
  options: { clusterDir: string; launched: boolean; log: Log },
): Promise<void> {
  const { clusterDir, launched, log } = options;
  if (launched && !(await stopUnlessUsed(session, clusterDir)))
    log.error({ clusterDir }, "PostgreSQL did not stop");
  await session.end().catch(() => undefined);
}
