// The ground that every operation stands on: its context, its description, who may call it, and its errors.
import { initTRPC } from "@trpc/server";

import type { DeliveriesContext } from "../deliveries/operations.ts";
import type { PublishContext } from "../events/publish.ts";
import { PosthornError, type ErrorCode } from "../kernel/errors.ts";
import type { KeyScope } from "../kernel/scopes.ts";
import type { KeysContext } from "../keys/operations.ts";
import type { ReplaysContext } from "../replays/operations.ts";
import type { StatsContext } from "../stats/operations.ts";
import type { WebhooksContext } from "../webhooks/operations.ts";
import type { TestContext } from "../webhooks/send-test.ts";
import { asTrpcError, callerError } from "./errors.ts";

/** Who calls: the key, what it may do, and the tenant that it acts for. */
export type Caller = { keyId: string; scope: KeyScope; tenant: string };

/** What a procedure works with: the caller, its share of the connections, and each noun's own context. */
export type Context = {
  caller: Caller;
  /** Does the work when the caller has a place for it; of those with one subject, one at a time. */
  share: <T>(work: () => Promise<T>, subject?: string) => Promise<T>;
  webhooks: WebhooksContext & TestContext;
  events: PublishContext;
  deliveries: DeliveriesContext;
  keys: KeysContext;
  replays: ReplaysContext;
  stats: StatsContext;
};

/** What is said of an operation beside its schemas; openapi.yaml and the POST face are made from it. */
export type OperationMeta = {
  summary: string;
  description?: string;
  scopes: readonly KeyScope[];
  /** Codes of 404 and 409 that it can answer; those of the other statuses are every operation's. */
  errors?: readonly ErrorCode[];
  /** What to do where nobody knows whether it was done, if sending it again is not enough. */
  whenUnsure?: string;
  request: unknown;
  response: unknown;
  /** What it locks: of those that would wait for each other's lock, one at a time goes to the database. */
  locks?: "id" | "name" | "tenant";
  /** Set where it takes places itself, and only for as long as it needs the database. */
  sharesItself?: true;
  /**
   * For a body of up to 16 MiB instead of 1 MiB, by the items of this list, 1 MiB each. `keep` is what is kept of an item
   * when it is parsed, in place of all that parsing makes of it.
   */
  largeBody?: {
    name: string;
    itemsMax: number;
    keep?: (item: unknown, index: number) => unknown;
  };
};

const t = initTRPC
  .meta<OperationMeta>()
  .context<Context>()
  .create({
    errorFormatter({ shape, error, path }) {
      const { message, code, status, issues } = callerError(error);
      return {
        ...shape,
        message,
        data: {
          code: shape.data.code,
          httpStatus: status,
          path,
          error_code: code,
          ...(issues && { issues }),
        },
      };
    },
  });

export const router = t.router;

const SUBJECT_LENGTH_MAX = 200; // an id or a name; what is longer is refused when it is read
const AGAIN = "send it again: done twice, it is as done once";

/** Begins an operation: judged by scope, done when the caller has a place for it, and its errors translated. */
export function operation(meta: OperationMeta) {
  return t.procedure.meta(meta).use(async ({ ctx, next, path, type, getRawInput }) => {
    const work = async () => {
      const result = await next();
      if (result.ok) return result;
      throw asTrpcError(result.error, type === "mutation" ? (meta.whenUnsure ?? AGAIN) : undefined);
    };
    try {
      authorize(meta, ctx.caller, path);
      if (meta.sharesItself) return await work();
      return await ctx.share(work, await subjectOf(meta, path, getRawInput));
    } catch (error) {
      throw asTrpcError(error);
    }
  });
}

async function subjectOf(
  { locks }: OperationMeta,
  path: string,
  getRawInput: () => Promise<unknown>,
): Promise<string | undefined> {
  if (locks === undefined) return undefined;
  const [noun] = path.split(".");
  if (locks === "tenant") return `${noun} of the tenant`;
  const named = (Object(await getRawInput()) as Record<string, unknown>)[locks];
  return typeof named === "string" ? `${noun} ${named.slice(0, SUBJECT_LENGTH_MAX)}` : undefined;
}

/** Throws the 403 for a caller whose key does not reach this operation. */
export function authorize(meta: OperationMeta, caller: Caller, name: string): void {
  if (meta.scopes.includes(caller.scope)) return;
  throw new PosthornError(
    "forbidden",
    `this key's scope is ${caller.scope}; ${name} needs one of ${meta.scopes.join(", ")}`,
  );
}
