// From an event to one statement in the caller's transaction, and the event's id back.
import { run, type Executor } from "./executors.ts";
import { statementFor } from "./statement.ts";

/** What is published: one of the types named, with the payload of that type. */
export type Publication<Events extends object = Record<string, unknown>> = {
  [Type in keyof Events & string]: {
    type: Type;
    /** The line, account or inbox that the event belongs to. */
    channel?: string | null | undefined;
    /** Whose event it is: the publisher's, unless given. */
    tenant?: string | undefined;
    /** When it happened: now, unless given. A text is ISO 8601 with Z or an offset. */
    timestamp?: Date | string | null | undefined;
    /** The same key again, with the same event, answers the first one's id and stores nothing. */
    idempotency_key?: string | null | undefined;
    /** The trace that its deliveries belong to, as W3C's Trace Context has it; what is none is ignored. */
    traceparent?: string | null | undefined;
  } & (
    | { payload: Events[Type]; payload_text?: never }
    /** JSON that is text already: kept, signed and sent as it is, so that a number beyond 2^53 stays exact. */
    | { payload?: never; payload_text: string }
  );
}[keyof Events & string];

/** Publishes by the executor, mostly a transaction, and answers the event's id. */
export type Publish<Events extends object = Record<string, unknown>> = (
  executor: Executor,
  event: Publication<Events>,
) => Promise<string>;

export type Publisher<Events extends object = Record<string, unknown>> = {
  publish: Publish<Events>;
};

/**
 * Makes a publisher whose event types and payloads the compiler knows; `posthorn types` prints them from the catalogue.
 * `tenant` is whose events these are where an event does not say.
 *
 * @example
 * const { publish } = createPublisher<Events>({ tenant: "acme" });
 * await publish(tx, { type: "order.created", payload: { id: 1 } });
 */
export function createPublisher<Events extends object = Record<string, unknown>>({
  tenant = "default",
}: { tenant?: string | undefined } = {}): Publisher<Events> {
  return {
    publish: async (executor, event) => run(executor, statementFor({ tenant, ...event })),
  };
}

/**
 * Publishes an event inside your own transaction, and answers its id: committed with your rows, or gone with them. The
 * executor is a pg client, a Kysely or Drizzle transaction, a Knex one, Prisma's `tx`, TypeORM's manager, or anything else whose
 * `query(text, values)` answers rows. What the database refuses (SQLSTATE PH400, PH404, PH409) is thrown as your driver throws
 * it, and your transaction can only roll back; what is no event at all is a TypeError before anything is asked.
 *
 * @example
 * await client.query("begin");
 * await client.query("insert into orders …");
 * await publish(client, { type: "order.created", payload: { id: 1 } });
 * await client.query("commit");
 */
export const { publish }: Publisher = createPublisher();
