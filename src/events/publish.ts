// The HTTP door to publish: judges payloads by their types' schemas, then goes through the database's own function.
import { tooSlow } from "../event-types/judging/busy.ts";
import type { Judgement, Judging } from "../event-types/judging/index.ts";
import { invalid, keyNotValid, PosthornError, type Issue } from "../kernel/errors.ts";
import { formatId } from "../kernel/ids.ts";
import { holdsInfinity, textDepthExceeds } from "../kernel/json.ts";
import { RawJson } from "../kernel/raw-json.ts";
import type { EnforcedSchema } from "../store/event-types.ts";
import type { StoredEvent } from "../store/events.ts";
import { databaseError } from "../kernel/faults.ts";
import type { Owner } from "../kernel/shares.ts";
import type { TenantStore } from "../store/tenant.ts";
import { tracePublish } from "../tracing/index.ts";
import type { Published, PublishInput } from "./schema.ts";
import type { EventToStore, Publisher, Publishes } from "./publishes.ts";

const PAYLOAD_BYTES_MAX = 256 * 1024; // the database's publish() holds the same
const PAYLOAD_DEPTH_MAX = 500; // levels, here and there: JSON readers of other languages stop at 1,000
const JUDGED_AT_ONCE = 32; // of one list: the first that does not fit ends it

/** `published` is called with how many events were stored, so that a delivery loop in this process need not poll. */
export type PublishContext = {
  store: TenantStore;
  owner: Owner;
  /** How long the call may wait while the database is away. */
  patience: Omit<Publisher, keyof Owner | "signal">;
  publishes: Publishes;
  judging: Judging;
  /** How many hours a delivery may be held. */
  holdH: number;
  published: (count: number) => void;
  /** Of the caller's request, as it came. */
  traceparent: string | undefined;
};

/** Stores events with their deliveries: all of them or, when one is refused, none. Answers in their order. */
export async function publishMany(
  context: PublishContext,
  events: readonly PublishInput[],
  signal?: AbortSignal,
): Promise<Published[]> {
  const { publishes, published } = context;
  const pathOf = (index: number) => `events.${index}.`;
  const stored = await traced(context, events.length, (traceparent) => {
    const rows = events.map((event, index) => newEvent(event, pathOf(index), traceparent));
    const judge = (schemas: readonly EnforcedSchema[]) =>
      judgePayloads(context, rows, schemas, pathOf);
    return publishes.storeMany(publisherOf(context, signal), rows, judge).catch(translate);
  });
  published(stored.filter(({ duplicate }) => !duplicate).length);
  return stored.map(asPublished);
}

/** The same for one event. Many at once share what they ask of the database, and its commits. */
export async function publish(
  context: PublishContext,
  event: PublishInput,
  signal?: AbortSignal,
): Promise<Published> {
  const { publishes, published } = context;
  const stored = await traced(context, 1, (traceparent) => {
    const row = newEvent(event, "", traceparent);
    const judge = (schemas: readonly EnforcedSchema[]) =>
      judgePayloads(context, [row], schemas, () => "");
    return publishes.storeOne(publisherOf(context, signal), row, judge).catch(translate);
  });
  published(stored.duplicate ? 0 : 1);
  return asPublished(stored);
}

/**
 * What is kept of a publish, or an item of publish_many, as soon as it is parsed: its payload as text, which may be a fiftieth of the
 * memory that the parsed one takes, of thousands that wait.
 */
export function keepPayloadAsText(item: unknown, index?: number): unknown {
  if (typeof item !== "object" || item === null || !Object.hasOwn(item, "payload")) return item;
  const { payload } = item as { payload: unknown };
  const path = index === undefined ? "payload" : `events.${index}.payload`;
  return { ...item, payload: new RawJson(payloadText(payload, path)) };
}

function publisherOf({ owner, patience }: PublishContext, signal?: AbortSignal): Publisher {
  return { ...owner, ...patience, signal };
}

function traced<T>(
  { owner, traceparent }: PublishContext,
  events: number,
  work: (traceparent: string | null) => Promise<T>,
): Promise<T> {
  const attributes = { "posthorn.tenant": owner.tenant, "posthorn.events": events };
  return tracePublish(traceparent, attributes, work);
}

function newEvent(event: PublishInput, path: string, traceparent: string | null): EventToStore {
  return {
    traceparent,
    type: event.type,
    payload: payloadText(event.payload, `${path}payload`),
    channel: event.channel ?? null,
    timestamp: event.timestamp ?? null,
    idempotencyKey: event.idempotency_key ?? null,
  };
}

// Judged by the text, for what it costs: to walk through 256 KiB of brackets takes longer than to parse and print them.
function payloadText(payload: unknown, path: string): string {
  if (payload instanceof RawJson) return payload.text;
  const text = printed(payload);
  const bytes = Buffer.byteLength(text ?? "");
  if (bytes > PAYLOAD_BYTES_MAX)
    throw invalid(
      path,
      `at most ${PAYLOAD_BYTES_MAX} bytes (256 KiB) of JSON are taken, ${bytes} were found`,
    );
  if (text === undefined || textDepthExceeds(text, PAYLOAD_DEPTH_MAX))
    throw invalid(path, `nested more than ${PAYLOAD_DEPTH_MAX} levels deep; flatten it`);
  if (text.includes("null") && holdsInfinity(payload))
    // which is what Infinity is printed as
    throw invalid(path, "holds a number beyond 1.8e308, which no IEEE double is; send it as text");
  return text;
}

// Undefined where it is too deep for the printing.
function printed(payload: unknown): string | undefined {
  try {
    return JSON.stringify(payload);
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

function asPublished(row: StoredEvent): Published {
  return {
    id: formatId("evt", row.event_id),
    deliveries: row.matched,
    duplicate: row.duplicate,
  };
}

async function judgePayloads(
  { store, judging }: PublishContext,
  events: readonly EventToStore[],
  schemas: readonly EnforcedSchema[],
  pathOf: (index: number) => string,
): Promise<void> {
  const byType = new Map(schemas.map((schema) => [schema.name, schema]));
  const judge = async ({ type, payload }: EventToStore): Promise<Judgement | null> => {
    const schema = byType.get(type);
    return schema ? judging.payload(store.tenant, schema, payload) : null;
  };
  for (let start = 0; start < events.length; start += JUDGED_AT_ONCE) {
    const some = events.slice(start, start + JUDGED_AT_ONCE);
    for (const [index, judged] of (await Promise.all(some.map(judge))).entries()) {
      const path = pathOf(start + index);
      if (judged?.kind === "unfit")
        throw unfit(judged.issues.map((issue) => ({ ...issue, path: `${path}${issue.path}` })));
      if (judged?.kind === "busy") throw tooSlow(`${path}payload`, judged.waitMs);
    }
  }
}

function unfit(issues: Issue[]): PosthornError {
  const [first] = issues;
  return new PosthornError(
    "payload_does_not_fit_schema",
    `${first?.path}: ${first?.message}; event_types.list shows the type's schema`,
    { issues },
  );
}

function translate(error: unknown): never {
  const refused = databaseError(error);
  const issues = refused && [{ path: refused.column, message: refused.message }];
  switch (refused?.code) {
    case "PH400":
      throw new PosthornError("invalid_request", refused.message, { issues, cause: error });
    case "PH401":
      throw keyNotValid(error);
    case "PH404":
      throw new PosthornError("unknown_event_type", refused.message, { issues, cause: error });
    case "PH409":
      throw new PosthornError("idempotency_conflict", refused.message, { issues, cause: error });
    default:
      throw error;
  }
}
