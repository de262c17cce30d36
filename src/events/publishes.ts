// What one process publishes: single events that come at once go to the database together.
import { databaseError } from "../kernel/faults.ts";
import { createGatherer } from "../kernel/gather.ts";
import type { Connection } from "../database/connect.ts";
import { storeEvents, type NewEvent, type StoredEvent } from "../store/events.ts";
import { createJudging, type JudgePayloads } from "./judging.ts";
import { createKeyedPublishes } from "./keyed.ts";
import { laneOf, tenantOf } from "./lane.ts";

const EVENTS_MAX = 100; // of one call: a thousandth of a second each at most, unless they go to very many webhooks

export type EventToStore = Omit<NewEvent, "isJudged">;

/** Both answer after the commit. `judge` is called where a type has a schema to fit, and rejects where a payload does not. */
export type Publishes = {
  storeOne(tenant: string, event: EventToStore, judge: JudgePayloads): Promise<StoredEvent>;
  /** All or none; a list goes by itself, but its keys wait where those of single ones do. */
  storeMany(
    tenant: string,
    events: readonly EventToStore[],
    judge: JudgePayloads,
  ): Promise<StoredEvent[]>;
};

/**
 * Makes what each publish asks of the database common to those that come at once: ten clients that publish one event at a
 * time then cost a tenth of the statements and commits.
 */
export function createPublishes({ db, pool }: Pick<Connection, "db" | "pool">): Publishes {
  const isRefusal = (error: unknown) => databaseError(error)?.code.startsWith("PH") ?? false;
  const storeTogether = createGatherer({
    run: (lane, events: NewEvent[]) => storeEvents(pool, tenantOf(lane), events),
    itemsMax: EVENTS_MAX,
    isRefusal,
  });
  const keyed = createKeyedPublishes(pool, EVENTS_MAX, isRefusal);
  const judged = createJudging(db);
  return {
    storeOne: (tenant, event, judge) =>
      judged({ tenant, types: [event.type], judge }, (isJudged) => {
        const row = { ...event, isJudged };
        return row.idempotencyKey === null
          ? storeTogether(laneOf(tenant, row), row)
          : keyed.store(tenant, row);
      }),
    storeMany: (tenant, events, judge) =>
      judged({ tenant, types: events.map(({ type }) => type), judge }, (isJudged) => {
        const rows = events.map((event) => ({ ...event, isJudged }));
        return rows.every(({ idempotencyKey }) => idempotencyKey === null)
          ? storeEvents(pool, tenant, rows)
          : keyed.storeMany(tenant, rows);
      }),
  };
}
