// The HTTP side of the service, put together.
import express, { type Express, type RequestHandler } from "express";

import type { Log } from "../kernel/log.ts";
import type { Context, Caller, OpenContext, Unplaced } from "../rpc/trpc.ts";
import type { Enlarge } from "../kernel/lists.ts";
import type { FindKey } from "../kernel/scopes.ts";
import { authenticate } from "./auth.ts";
import { createReadJson } from "./body.ts";
import { dashboardEndpoints } from "./dashboard.ts";
import { docsEndpoints } from "./docs.ts";
import { dotEndpoints, type Doors } from "./dot-endpoints.ts";
import { errorHandler, notFound } from "./errors.ts";
import { createLargeAnswers } from "./large-answers.ts";
import { healthEndpoints, type Readiness } from "./health.ts";
import { logRequests, noteCaller } from "./log-requests.ts";
import { metricsEndpoint, type MetricsOptions } from "./metrics.ts";
import { createOpenAnswers } from "./open-answers.ts";
import { createAdmit } from "./rate.ts";
import { idOfAnswer, nameRequest } from "./request-id.ts";
import { securityHeaders } from "./security-headers.ts";
import { createAdmitStranger } from "./strangers.ts";
import { trpcEndpoint } from "./trpc.ts";

export type AppOptions = {
  /** For who calls without a key, from an address. */
  createOpenContext(
    address: string,
    request: { requestId: string; writesOf?: string | undefined },
  ): OpenContext;
  /** `requestId` names the request; `enlarge` is asked before an answer becomes a large one. */
  createContext(
    caller: Caller,
    request: {
      requestId: string;
      traceparent: string | undefined;
      enlarge: Enlarge;
      /** Of its header Prefer. */
      prefer: string | undefined;
      waits: () => void;
      /** Whether something may be written, which a tenant that is new is placed by. */
      writes: boolean;
      /** Where there are several cells: the tenant that is written of, which may be on its way to another. */
      writesOf?: string | undefined;
    },
  ): Context | Unplaced;
  findKey: FindKey;
  /** Finds the keys of calls that publish, and may be judged with it. */
  findPublishersKey: FindKey;
  /** Requests a second and key; 0 is no limit. */
  ratePerKey: number;
  /** The origins that may show the portal in a frame. */
  framers: readonly string[];
  readiness: Readiness;
  metrics: MetricsOptions;
  log: Log;
};

/** The service's HTTP application: the operations by POST and by tRPC, their description, and its health. */
export function createApp({
  createContext,
  createOpenContext,
  findKey,
  findPublishersKey,
  ratePerKey,
  framers,
  readiness,
  metrics,
  log,
}: AppOptions): Express {
  const app = bareApp(readiness, metrics);
  const enlarge = createLargeAnswers();
  const doors: Doors = {
    authenticate: async (request, response, publishes) => {
      const find = publishes ? findPublishersKey : findKey;
      const caller = await authenticate(request.headers, find);
      noteCaller(response, caller);
      return caller;
    },
    admit: createAdmit(ratePerKey),
    openAnswer: createOpenAnswers(),
    readJson: createReadJson(),
    admitStranger: createAdmitStranger(),
    createOpenContext: (address, response) =>
      createOpenContext(address, { requestId: idOfAnswer(response) }),
    createContext: (caller, response, waits, writes) => {
      const { keyId: key, tenant } = caller;
      return createContext(caller, {
        requestId: idOfAnswer(response),
        traceparent: response.req.get("traceparent"),
        prefer: response.req.get("prefer"),
        waits,
        writes,
        enlarge: enlarge({ tenant, key }, response),
      });
    },
  };
  app.use(docsEndpoints(), dashboardEndpoints(framers));
  app.use(logRequests(log));
  app.use("/trpc", noStore, trpcEndpoint(doors, log));
  app.use(noStore, dotEndpoints(doors));
  app.use(errorHandler(log));
  return app;
}

/** What a worker serves: its health, its metrics and nothing else. */
export function createWorkerApp({
  readiness,
  metrics,
  log,
}: Pick<AppOptions, "readiness" | "metrics" | "log">): Express {
  const app = bareApp(readiness, metrics);
  app.use(notFound);
  app.use(errorHandler(log));
  return app;
}

function bareApp(readiness: Readiness, metrics: MetricsOptions): Express {
  const app = express();
  app.disable("x-powered-by");
  app.set("query parser", "simple");
  app.use(nameRequest, securityHeaders);
  app.use(healthEndpoints(readiness), metricsEndpoint(metrics));
  return app;
}

const noStore: RequestHandler = (_request, response, next) => {
  response.set("Cache-Control", "no-store");
  next();
};
