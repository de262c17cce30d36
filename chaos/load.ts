// The load: publishers over HTTP and inside transactions of their own, until they are told to stop.
import { setMaxListeners } from "node:events";

import { sleep } from "../src/kernel/clock.ts";
import type { Ledger } from "./ledger.ts";
import { publishOverHttp } from "./publish-http.ts";
import { publishOverSql } from "./publish-sql.ts";

/** Ends the loops and resolves when each has finished what it was doing. */
export type Load = { stop(): Promise<void> };

/** What a publisher needs; `apiUrl` may change while a service is replaced. */
export type Publishing = {
  ledger: Ledger;
  apiUrl: () => string;
  adminKey: string;
  databaseUrl: () => string;
  tenant: string;
  channels: number;
};

const PAUSE_MS = 25; // between two of one publisher: some 150 events a second from all of them together

/** Publishes with so many publishers of each kind; `holdMs` is how long a transaction stays open after its publish. */
export function startLoad(
  publishing: Publishing,
  { http = 4, sql = 3, holdMs = () => 0 }: { http?: number; sql?: number; holdMs?: () => number },
): Load {
  const stopping = new AbortController();
  const { signal } = stopping;
  setMaxListeners(0, signal); // each publisher that waits is one
  const loops = [
    ...Array.from({ length: http }, () => loop(() => publishOverHttp(publishing, signal))),
    ...Array.from({ length: sql }, async () => {
      const publisher = publishOverSql(publishing, holdMs, signal);
      await loop(publisher.publish);
      await publisher.end();
    }),
  ];
  async function loop(publish: () => Promise<void>): Promise<void> {
    while (!signal.aborted) {
      await publish();
      await sleep(PAUSE_MS, signal);
    }
  }
  return {
    async stop() {
      stopping.abort();
      await Promise.all(loops);
    },
  };
}
