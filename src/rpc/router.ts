// Every operation: what tRPC clients call, and what the POST endpoints and openapi.yaml are made from.
import type { AnyTRPCProcedure } from "@trpc/server";

import { deliveriesRouter } from "./deliveries.ts";
import { eventTypesRouter } from "./event-types.ts";
import { eventsRouter } from "./events.ts";
import type { Input } from "./input.ts";
import { findOperation } from "./find.ts";
import { keysRouter } from "./keys.ts";
import type { OperationMeta } from "./meta.ts";
import { portalRouter } from "./portal.ts";
import { replaysRouter } from "./replays.ts";
import { sessionRouter } from "./session.ts";
import { statsRouter } from "./stats.ts";
import { tenantsRouter } from "./tenants.ts";
import { router } from "./trpc.ts";
import { webhooksRouter } from "./webhooks.ts";

export const appRouter = router({
  webhooks: webhooksRouter,
  events: eventsRouter,
  event_types: eventTypesRouter,
  deliveries: deliveriesRouter,
  keys: keysRouter,
  replays: replaysRouter,
  stats: statsRouter,
  session: sessionRouter,
  find: findOperation,
  tenants: tenantsRouter,
  portal: portalRouter,
});

export type AppRouter = typeof appRouter;

/** An operation as the POST face and the description see it. */
export type Operation = {
  name: string;
  type: "query" | "mutation";
  meta: OperationMeta;
  input: unknown;
  output: unknown;
};

/** The operations by name, `webhooks.subscribe` and so on. */
export const OPERATIONS: ReadonlyMap<string, Operation> = new Map(
  Object.entries(appRouter._def.procedures as unknown as Record<string, AnyTRPCProcedure>).map(
    ([name, procedure]) => {
      const def = procedure._def as unknown as {
        type: Operation["type"];
        meta: OperationMeta;
        inputs: [Input];
        output: unknown;
      };
      return [
        name,
        { name, type: def.type, meta: def.meta, input: def.inputs[0].schema, output: def.output },
      ];
    },
  ),
);
