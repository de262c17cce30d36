// The ground that every operation stands on: its context, its description, who may call it, and its errors.
import { initTRPC } from "@trpc/server";
import type { z } from "zod";

import type { DeliveriesContext } from "../deliveries/operations.ts";
import type { PublishContext } from "../events/publish.ts";
import type { FindContext } from "../find/operations.ts";
import { invalid, PosthornError } from "../kernel/errors.ts";
import { ALL_TENANTS } from "../kernel/fields.ts";
import type { KeyScope, Portal } from "../kernel/scopes.ts";
import type { KeysContext } from "../keys/operations.ts";
import type { ExchangeContext, PortalContext } from "../portal/operations.ts";
import type { ReplaysContext } from "../replays/operations.ts";
import type { SessionContext } from "../session/operations.ts";
import type { StatsContext } from "../stats/operations.ts";
import type { TenantsContext } from "../tenants/operations.ts";
import type { WebhooksContext } from "../webhooks/operations.ts";
import type { TestContext } from "../webhooks/send-test.ts";
import { asTrpcError, callerError } from "./errors.ts";
import { inputOf } from "./input.ts";
import type { OperationMeta } from "./meta.ts";
import { isOverCells } from "./merges.ts";
import { overCells, type AskedCell } from "./over-cells.ts";
import { ofOneTenant, OVER_TENANTS } from "./over-tenants.ts";

/** Who calls: the key, what it may do, and the tenant that it acts for; `*` is all of them. */
export type Caller = {
  keyId: string;
  scope: KeyScope;
  tenant: string;
  portal: Portal | null;
  /** Set where its key was valid lately, and is judged with what it asks; rejects with the 401. */
  judgeAgain?: (() => Promise<void>) | undefined;
};

/** What a procedure works with: the caller, its share of the connections, and each noun's own context. */
export type Context = {
  caller: Caller;
  /** The request's name in its answer, its errors and the log. */
  requestId: string;
  /** Does the work when the caller has a place for it; of those with one subject, one at a time. */
  share: <T>(work: () => Promise<T>, subject?: string) => Promise<T>;
  /** Does a read with a context over a standby where one can answer for the primary; else with this one. */
  read: <T>(work: (ctx: Context) => Promise<T>) => Promise<T>;
  /** The same over the database that holds what all tenants share, where there are several. */
  home?: (() => Promise<Context>) | undefined;
  webhooks: WebhooksContext & TestContext;
  events: PublishContext;
  deliveries: DeliveriesContext;
  keys: KeysContext;
  replays: ReplaysContext;
  stats: StatsContext;
  session: SessionContext;
  find: FindContext;
  tenants: TenantsContext;
  portal: PortalContext;
};

/** Where there are several databases: what a procedure works with comes of which of them is asked. */
export type Unplaced = Pick<Context, "caller" | "requestId"> & {
  /** Makes the context of the caller's tenant. Rejects where its database can't be worked with. */
  placed: () => Promise<Context>;
  /** Makes one for each database. */
  cells: () => AskedCell<Context>[];
  /** The name of the database of the caller's tenant; null where nobody can tell it now. */
  ownCell: () => Promise<string | null>;
};

// The router's own type leaves the context open: a client's compiler reads that type, and is to learn of the operations
// without reading the server's parts, and the types of its database driver, which a client has not installed.
const t = initTRPC
  .meta<OperationMeta>()
  .context<{ requestId: string }>()
  .create({
    errorFormatter({ shape, error, path, ctx }) {
      const { message, code, status, issues } = callerError(error);
      return {
        ...shape,
        message,
        data: {
          code: shape.data.code,
          httpStatus: status,
          path,
          error_code: code,
          request_id: ctx?.requestId ?? "",
          ...(issues && { issues }),
        },
      };
    },
  });

export const router = t.router;

const SUBJECT_LENGTH_MAX = 200; // an id or a name; what is longer is refused when it is read
const AGAIN = "send it again: done twice, it is as done once";

/** Begins an operation with its request's schema: judged by scope, done when the caller has a place for it, and its errors translated. */
export function operation(meta: OperationMeta) {
  const judged = t.procedure
    .meta(meta)
    .use(async ({ ctx: open, next, path, type, getRawInput }) => {
      const given = open as Context | Unplaced;
      const call = async (ctx: Context) => {
        const work = async () => {
          const result = await next({ ctx });
          if (result.ok) return result;
          throw asTrpcError(
            result.error,
            type === "mutation" ? (meta.whenUnsure ?? AGAIN) : undefined,
          );
        };
        if (meta.sharesItself) return work();
        return ctx.share(work, await subjectOf(meta, path, getRawInput));
      };
      try {
        authorize(meta, given.caller, path);
        const answer = (ctx: Context) => (meta.reads === "standby" ? ctx.read(call) : call(ctx));
        if (!("cells" in given)) return await answer(given);
        if (isOverCells(path, given.caller)) {
          const { ownCell } = given;
          const asked = { name: path, type, input: getRawInput, ownCell };
          return await overCells(asked, given.cells(), answer);
        }
        return await answer(await given.placed());
      } catch (error) {
        throw asTrpcError(error);
      }
    });
  return { input: <Schema extends z.ZodType>(schema: Schema) => judged.input(inputOf(schema)) };
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

/** Throws the 403 for a caller whose key does not reach this operation, and the 400 for one that asks it over all tenants. */
export function authorize(meta: OperationMeta, caller: Caller, name: string): void {
  if (!meta.scopes.includes(caller.scope))
    throw new PosthornError(
      "forbidden",
      `this key's scope is ${caller.scope}; ${name} needs one of ${meta.scopes.join(", ")}`,
    );
  if (!isInPortal(meta, caller.portal))
    throw new PosthornError(
      "forbidden",
      meta.inPortal === "whole"
        ? `a portal's session of some webhooks may not call ${name}: it would touch others' too`
        : `a portal's session may not call ${name}`,
    );
  if (caller.tenant === ALL_TENANTS && !OVER_TENANTS.includes(name)) throw ofOneTenant(name);
}

function isInPortal({ inPortal }: OperationMeta, portal: Portal | null): boolean {
  if (portal === null || inPortal === "any") return true;
  return inPortal === "whole" && portal.webhooks === null;
}

/** What an operation works with that nobody needs a key for. */
export type OpenContext = {
  isOpen: true;
  requestId: string;
  share: Context["share"];
  portal: ExchangeContext;
};

/** Begins such an operation. */
export function openOperation(meta: Omit<OperationMeta, "scopes" | "isOpen">) {
  const open = t.procedure
    .meta({ ...meta, scopes: [], isOpen: true })
    .use(async ({ ctx: given, next, path }) => {
      const ctx = given as OpenContext | ((Context | Unplaced) & { isOpen?: undefined });
      if (!ctx.isOpen)
        throw asTrpcError(invalid("", `${path} needs no key, so it goes in no batch with others`));
      const result = await ctx
        .share(() => next({ ctx }))
        .catch((error: unknown) => {
          throw asTrpcError(error);
        });
      if (result.ok) return result;
      throw asTrpcError(result.error, meta.whenUnsure ?? AGAIN);
    });
  return { input: <Schema extends z.ZodType>(schema: Schema) => open.input(inputOf(schema)) };
}
