// What became of a list that was published over the API, as posthorn ingest goes on by it.
import type { Outcome, Publish } from "../ingest/publishing.ts";
import type { ErrorCode } from "../kernel/errors.ts";
import type { Api } from "./api.ts";
import { CommandError, EXIT } from "./exit.ts";

type Refusal = {
  httpStatus: number;
  error_code: ErrorCode;
  issues?: { path: string; message: string }[];
};

/** Where an event is at fault, and not who publishes. */
const OF_EVENTS: ReadonlySet<ErrorCode> = new Set([
  "invalid_request",
  "unknown_event_type",
  "payload_does_not_fit_schema",
  "idempotency_conflict",
  "body_too_large",
]);
const LATER: ReadonlySet<number> = new Set([408, 429]); // and whatever is the service's own fault

/** Publishes by events.publish_many. Throws where trying again changes nothing, like with a key that is not valid. */
export function publishMany(api: Api): Publish {
  return async (events) => {
    try {
      const { data } = await api(({ events: operations }, call) =>
        operations.publish_many.mutate({ events: [...events] }, call),
      );
      return { kind: "stored", duplicates: data.filter(({ duplicate }) => duplicate).length };
    } catch (error) {
      return outcomeOf(error);
    }
  };
}

function outcomeOf(error: unknown): Outcome {
  if (!(error instanceof CommandError)) throw error;
  const { message, exitCode, cause } = error;
  const { data: refusal } = Object(cause) as { data?: Refusal | null };
  if (!refusal && exitCode === EXIT.unreached) return { kind: "away", reason: message };
  if (!refusal) throw error;
  const { httpStatus, error_code: code, issues = [] } = refusal;
  if (OF_EVENTS.has(code)) return { kind: "refused", message, issues };
  if (httpStatus >= 500 || LATER.has(httpStatus)) return { kind: "away", reason: message };
  throw error;
}
