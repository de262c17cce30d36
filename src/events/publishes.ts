// What one process publishes: single events that come at once go to the database together.
import { databaseError } from "../kernel/faults.ts";
import { createGatherer } from "../kernel/gather.ts";
import { PosthornError } from "../kernel/errors.ts";
import type { Owner } from "../kernel/shares.ts";
import type { SharedConnection } from "../database/pools.ts";
import { storeEvents, type NewEvent, type StoredEvent } from "../store/events.ts";
import { createJudging, type JudgePayloads } from "./judging.ts";
import { createKeyedPublishes } from "./keyed.ts";
import { listOf, ownerOf, tenantOf } from "./lists.ts";

const EVENTS_MAX = 100; // of one call: a thousandth of a second each at most, unless they go to very many webhooks

const WAITING_MAX = 1_000; // for one call of their list: ten calls' worth, some hundred milliseconds
const RETRY_AFTER_S = 1;

export type EventToStore = Omit<NewEvent, "isJudged">;

/** Both answer after the commit. `judge` is called where a type has a schema to fit, and rejects where a payload does not. */
export type Publishes = {
  storeOne(owner: Owner, event: EventToStore, judge: JudgePayloads): Promise<StoredEvent>;
  /** All or none; a list goes by itself, but its keys wait where those of single ones do. */
  storeMany(
    owner: Owner,
    events: readonly EventToStore[],
    judge: JudgePayloads,
  ): Promise<StoredEvent[]>;
};

/**
 * Makes what each publish asks of the database common to those that come at once: ten clients that publish one event at a
 * time then cost a tenth of the statements and commits.
 */
export function createPublishes(connections: {
  publishing: SharedConnection;
  calls: SharedConnection;
}): Publishes {
  const { db, pool, shares } = connections.publishing;
  const isRefusal = (error: unknown) => databaseError(error)?.code.startsWith("PH") ?? false;
  const gathering = { itemsMax: EVENTS_MAX, isRefusal, waitingMax: WAITING_MAX, full };
  const storeTogether = createGatherer({
    ...gathering,
    run: (list, events: NewEvent[]) =>
      shares.take(ownerOf(list), () => storeEvents(pool, tenantOf(list), events)),
  });
  const keyed = createKeyedPublishes(connections, gathering);
  const judged = createJudging({ db, shares });
  return {
    storeOne: (owner, event, judge) =>
      judged({ tenant: owner.tenant, types: [event.type], judge }, (isJudged) => {
        const row = { ...event, isJudged };
        return row.idempotencyKey === null
          ? storeTogether(listOf(owner.tenant, row), row)
          : keyed.store(owner, row);
      }),
    storeMany: (owner, events, judge) =>
      judged({ tenant: owner.tenant, types: events.map(({ type }) => type), judge }, (isJudged) => {
        const rows = events.map((event) => ({ ...event, isJudged }));
        return rows.every(({ idempotencyKey }) => idempotencyKey === null)
          ? shares.take(owner, () => storeEvents(pool, owner.tenant, rows))
          : keyed.storeMany(owner, rows);
      }),
  };
}

function full(): PosthornError {
  return new PosthornError(
    "rate_limited",
    `${WAITING_MAX} publishes of this tenant wait; come again after the time in Retry-After`,
    { retryAfterS: RETRY_AFTER_S },
  );
}
