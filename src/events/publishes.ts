// What one process publishes: single events that come at once go to the database together.
import { databaseError } from "../kernel/faults.ts";
import { createGatherer } from "../kernel/gather.ts";
import { hurry } from "../kernel/hurry.ts";
import { PosthornError } from "../kernel/errors.ts";
import type { Owner } from "../kernel/shares.ts";
import type { SharedConnection } from "../database/pools.ts";
import type { MonotonicClock } from "../kernel/clock.ts";
import type { Patience, WaitingRoom } from "../kernel/waiting-room.ts";
import type { NewEvent, StoredEvent } from "../store/events.ts";
import { createJudging, type JudgePayloads } from "./judging.ts";
import { createKeyedPublishes } from "./keyed.ts";
import { listOf, ownerOf, tenantOf } from "./lists.ts";
import { createStore, type NameableEvent } from "./storing.ts";

const EVENTS_MAX = 100; // of one call: a thousandth of a second each at most, unless they go to very many webhooks

const WAITING_MAX = 1_000; // for one call of their list: ten calls' worth, some hundred milliseconds
const RETRY_AFTER_S = 1;

export type EventToStore = Omit<NewEvent, "isJudged" | "apiKey">;

/** Who publishes, and how long the call may wait while the database is away. */
export type Publisher = Owner &
  Pick<Patience, "waitMs" | "waits"> & {
    signal?: AbortSignal | undefined;
    /** Whether its key is to be judged with the storing. */
    isUnjudged: boolean;
  };

/**
 * Both answer after the commit. `judge` is called where a type has a schema to fit, and rejects where a payload does not. While the
 * database is away they wait.
 */
export type Publishes = {
  storeOne(publisher: Publisher, event: EventToStore, judge: JudgePayloads): Promise<StoredEvent>;
  /** All or none; a list goes by itself, but its keys wait where those of single ones do. */
  storeMany(
    publisher: Publisher,
    events: readonly EventToStore[],
    judge: JudgePayloads,
  ): Promise<StoredEvent[]>;
};

type Unjudged = Omit<NameableEvent, "isJudged">;

/**
 * Makes what each publish asks of the database common to those that come at once: ten clients that publish one event at a
 * time then cost a tenth of the statements and commits.
 */
export function createPublishes(
  connections: { publishing: SharedConnection; calls: SharedConnection },
  room: WaitingRoom,
  monotonic: MonotonicClock,
): Publishes {
  const { db, pool, shares } = connections.publishing;
  const isRefusal = (error: unknown) => databaseError(error)?.code.startsWith("PH") ?? false;
  const gathering = { itemsMax: EVENTS_MAX, isRefusal, waitingMax: WAITING_MAX, full };
  const store = createStore(monotonic);
  const storeTogether = createGatherer({
    ...gathering,
    run: (list, events: NameableEvent[]) =>
      shares.take(ownerOf(list), () => store(pool, tenantOf(list), events)),
  });
  const keyed = createKeyedPublishes(connections, store, gathering);
  const judged = createJudging({ db, shares });

  // An id is another one at each try, so that it tells when the event was stored, unless an earlier try may have stored it.
  function patiently<T>(
    publisher: Publisher,
    events: readonly EventToStore[],
    work: (events: readonly Unjudged[]) => Promise<T>,
  ): Promise<T> {
    let named: Unjudged[] = [];
    const apiKey = publisher.isUnjudged ? publisher.key : null;
    const bytes = () => events.reduce((sum, { payload }) => sum + Buffer.byteLength(payload), 0);
    return room.enter({ ...publisher, bytes }, (mayBeDone) => {
      named = events.map((event, i) => {
        const own = (mayBeDone && named[i]?.name.own) || null;
        return { ...event, apiKey, name: { own, isAgain: own !== null } };
      });
      return work(named);
    });
  }

  return {
    storeOne(publisher, event, judge) {
      hurry();
      return patiently(publisher, [event], ([named]) =>
        judged({ tenant: publisher.tenant, types: [event.type], judge }, (isJudged) => {
          const row = { ...(named as Unjudged), isJudged }; // one for one
          return row.idempotencyKey === null
            ? storeTogether(listOf(publisher.tenant, row), row)
            : keyed.store(publisher, row);
        }),
      );
    },
    storeMany(publisher, events, judge) {
      const types = events.map(({ type }) => type);
      return patiently(publisher, events, (named) =>
        judged({ tenant: publisher.tenant, types, judge }, (isJudged) => {
          const rows = named.map((event) => ({ ...event, isJudged }));
          return rows.every(({ idempotencyKey }) => idempotencyKey === null)
            ? shares.take(publisher, () => store(pool, publisher.tenant, rows))
            : keyed.storeMany(publisher, rows);
        }),
      );
    },
  };
}

function full(): PosthornError {
  return new PosthornError(
    "rate_limited",
    `${WAITING_MAX} publishes of this tenant wait; come again after the time in Retry-After`,
    { retryAfterS: RETRY_AFTER_S },
  );
}
