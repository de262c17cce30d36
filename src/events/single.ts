// Single publishes of one process: those that come at once go to the database together.
import { databaseError } from "../kernel/faults.ts";
import { createGatherer } from "../kernel/gather.ts";
import type { Connection } from "../store/connect.ts";
import { findEnforcedSchemas, type EnforcedSchema } from "../store/event-types.ts";
import { storeEvents, type NewEvent, type StoredEvent } from "../store/events.ts";
import { createKeyedPublishes } from "./keyed.ts";

const EVENTS_MAX = 100; // of one call: a thousandth of a second each at most, unless they go to very many webhooks

export type SinglePublishes = {
  /** The schema that payloads of this type have to fit, if any. */
  schemaOf(tenant: string, type: string): Promise<EnforcedSchema | undefined>;
  /** Stores an event; answers after its commit. */
  store(tenant: string, event: NewEvent): Promise<StoredEvent>;
  /** Stores a list, which goes by itself; its keys wait where those of single ones do. */
  storeMany(tenant: string, events: readonly NewEvent[]): Promise<StoredEvent[]>;
};

/**
 * Makes the two questions that each publish asks of the database common to those that come at once: ten clients that
 * publish one event at a time then cost a tenth of the statements and commits.
 */
export function createSinglePublishes({
  db,
  pool,
}: Pick<Connection, "db" | "pool">): SinglePublishes {
  const isRefusal = (error: unknown) => databaseError(error)?.code.startsWith("PH") ?? false;
  const storeTogether = createGatherer({
    run: (tenant, events: NewEvent[]) => storeEvents(pool, tenant, events),
    itemsMax: EVENTS_MAX,
    isRefusal,
  });
  const keyed = createKeyedPublishes(pool, EVENTS_MAX, isRefusal);
  const schemaOf = createGatherer({
    run: async (tenant, types: string[]) => {
      const schemas = await findEnforcedSchemas(db, tenant, types);
      return types.map((type) => schemas.find((schema) => schema.name === type));
    },
    itemsMax: EVENTS_MAX,
    isRefusal: () => false,
  });
  return {
    schemaOf,
    store: (tenant, event) =>
      event.idempotencyKey === null ? storeTogether(tenant, event) : keyed.store(tenant, event),
    storeMany: (tenant, events) =>
      events.every((event) => event.idempotencyKey === null)
        ? storeEvents(pool, tenant, events)
        : keyed.storeMany(tenant, events),
  };
}
