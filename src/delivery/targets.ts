// The webhooks that a worker sends to, read and opened once while they are unchanged.
import type pg from "pg";

import type { Random } from "../kernel/clock.ts";
import type { Log } from "../kernel/log.ts";
import type { Sealer } from "../database/sealed.ts";
import { readWebhooksToSend, type WebhookToSend } from "../store/webhooks-to-send.ts";
import { createKept } from "./kept.ts";
import { openTarget, type Target } from "./target.ts";

// Some 40,000 webhooks with a key and no headers; one that is not among them is read with each claim of it.
const TARGETS_BYTES_MAX = 64 * 1024 * 1024;

// As measured: 1,240 bytes with a key and a URL of 72 characters, 7,370 with a token of 400 random bytes in a header, whose
// spellings and those of its parts are kept with it (see echoes.ts).
const TARGET_BYTES = 1_400;
const HEADER_COPIES = 12;

export type Targets = {
  /** The targets of claimed deliveries, each at least as new as the claim saw it. */
  load(
    claimed: readonly { webhook_id: number; webhook_version: string }[],
  ): Promise<ReadonlyMap<number, Target>>;
  /** Reads all anew from here on: for when the database may be another, as after a failover. */
  forget(): void;
};

/** Remembers targets by version, within 64 MiB. */
export function createTargets({
  pool,
  sealer,
  random,
  log,
}: {
  pool: pg.Pool;
  sealer: Sealer;
  random: Random;
  log: Log;
}): Targets {
  const kept = createKept<Target>({ bytesMax: TARGETS_BYTES_MAX, random });

  return {
    async load(claimed) {
      const found = new Map<number, Target>();
      const missing = new Set<number>();
      for (const { webhook_id: id, webhook_version: version } of claimed) {
        const target = kept.get(id);
        if (target?.version === version) found.set(id, target);
        else missing.add(id);
      }
      const rows = missing.size === 0 ? [] : await readWebhooksToSend(pool, [...missing]);
      for (const row of rows) {
        const target = openTarget(row, sealer, log);
        found.set(row.webhook_id, target);
        kept.set(row.webhook_id, target, bytesOf(row));
      }
      return found;
    },
    forget: () => kept.clear(),
  };
}

function bytesOf({ url, headers_sealed: headers }: WebhookToSend): number {
  return TARGET_BYTES + 2 * url.length + HEADER_COPIES * (headers?.length ?? 0);
}
