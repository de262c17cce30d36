// What each operation works with, made for each request: by hand, as service.ts wires the rest.
import type { Config } from "../config.ts";
import type { Pools } from "../database/pools.ts";
import type { Replica, Standby } from "../database/replica.ts";
import type { Sealer } from "../database/sealed.ts";
import type { Hold } from "../queue/sending.ts";
import type { AddressRules } from "../egress/address.ts";
import { loggingTo, type Judging } from "../event-types/judging/index.ts";
import type { PublishContext } from "../events/publish.ts";
import type { AppOptions } from "../http/app.ts";
import { monotonic } from "../kernel/clock.ts";
import { SECOND } from "../kernel/duration.ts";
import { createCursors } from "../kernel/cursor.ts";
import { ALL_TENANTS } from "../kernel/fields.ts";
import { wholeRoom, type Room } from "../kernel/lists.ts";
import type { Log } from "../kernel/log.ts";
import { createShares } from "../kernel/shares.ts";
import type { Caller, Context } from "../rpc/trpc.ts";
import { readRules } from "../session/rules.ts";
import type { Reach } from "../store/reach.ts";
import { staying } from "../store/stay.ts";
import type { SendSample } from "../webhooks/send-test.ts";

const COUNTS_MAX = 2; // of replays, some seconds each

export type Wiring = {
  config: Config;
  log: Log;
  calls: Pools["calls"];
  /** Null where no standby is read from. */
  replica: Replica | null;
  sealer: Sealer;
  addresses: AddressRules;
  /** Where a browser finds this service. */
  publicUrl: () => string;
  /** What keeps this process from sending as a whole. */
  readHold: () => Promise<Hold | null>;
  sendSample: (log: Log, ...sample: Parameters<SendSample>) => ReturnType<SendSample>;
  publishes: PublishContext["publishes"];
  judging: Judging;
  published: PublishContext["published"];
  /** How long a publish waits while the database is away. */
  waitMs: number;
  /** Lets a delivery loop of this process look for what is due. */
  wake: () => void;
};

/** What makes the operations' contexts; `room` is that of an answer which others make too. */
export type Contexts = Pick<AppOptions, "createOpenContext"> & {
  createContext(...request: [...Parameters<AppOptions["createContext"]>, room?: Room]): Context;
};

/** Makes it. */
export function createContexts({
  config,
  log,
  calls,
  replica,
  sealer,
  addresses,
  publicUrl,
  readHold,
  sendSample,
  publishes,
  judging,
  published,
  waitMs,
  wake,
}: Wiring): Contexts {
  const cursors = createCursors(sealer.derive("cursors"));
  const counts = createShares(COUNTS_MAX);
  const databaseOf = (writesOf: string | undefined) =>
    writesOf === undefined ? calls.db : staying(calls.db, writesOf);
  return {
    createOpenContext: (address, { requestId, writesOf }) => ({
      isOpen: true,
      requestId,
      share: (work) => calls.shares.take({ tenant: "", key: address }, work),
      portal: { db: databaseOf(writesOf), sealer },
    }),

    createContext: (
      caller,
      { requestId, traceparent, enlarge, prefer, waits, writesOf },
      room = wholeRoom(enlarge),
    ) => {
      const requestLog = log.child({ request_id: requestId });
      const { tenant, keyId } = caller;
      const owner = { tenant, key: keyId };
      // Over a standby `pool` is the primary's all the same: what is read goes by `db`.
      const over = ({ db, shares }: Standby): Context => {
        const share: Context["share"] = (work, subject) => shares.take({ ...owner, subject }, work);
        const store = {
          db,
          pool: calls.pool,
          tenant,
          reach: reachOf(caller),
          keyId,
          sealer,
          cursors,
          monotonic,
          share,
          room,
        };
        const context: Context = {
          caller,
          requestId,
          share,
          read: (work) =>
            replica
              ? replica.read((standby) => work(standby ? over(standby) : context))
              : work(context),
          webhooks: {
            store,
            owner,
            scope: caller.scope,
            urlPolicy: { addresses, http: config.POSTHORN_HTTP },
            webhooksMax: config.POSTHORN_WEBHOOKS_MAX,
            share,
            readHold,
            sendSample: (...sample) => sendSample(requestLog, ...sample),
          },
          events: {
            store,
            owner,
            publishes,
            judging: loggingTo(judging, requestLog),
            holdH: config.POSTHORN_HOLD_H,
            traceparent,
            patience: {
              waitMs: wantedWaitMs(prefer, waitMs),
              waits,
              isUnjudged: caller.judgeAgain !== undefined,
            },
            published,
          },
          deliveries: { store, owner, monotonic, counts, queued: wake },
          replays: { store, owner, monotonic, counts },
          stats: { store },
          find: { store, scope: caller.scope },
          session: { store, scope: caller.scope, rules: readRules(config), readHold },
          keys: { ...store, owner },
          tenants: store,
          portal: { db, publicUrl },
        };
        return context;
      };
      return over({ db: databaseOf(writesOf), shares: calls.shares });
    },
  };
}

// By `Prefer: wait=5` (RFC 7240, 4.3), in seconds; what is no such preference is none.
function wantedWaitMs(prefer: string | undefined, mostMs: number): number {
  const wanted = /(?:^|[,;])\s*wait\s*=\s*"?(\d{1,9})"?\s*(?:[,;]|$)/i.exec(prefer ?? "")?.[1];
  return wanted === undefined ? mostMs : Math.min(mostMs, Number(wanted) * SECOND);
}

// What a caller sees of the store.
function reachOf({ tenant, portal }: Caller): Reach {
  return {
    tenant: tenant === ALL_TENANTS ? null : tenant,
    webhooks: portal?.webhooks ?? null,
    isPortal: portal !== null,
  };
}
