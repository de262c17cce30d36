// /metrics, for Prometheus: what this process tells of itself, to a key of the scope `metrics` or an admin's.
import { Router } from "express";

import { PosthornError } from "../kernel/errors.ts";
import { SCRAPERS, type FindKey } from "../kernel/scopes.ts";
import { authenticate } from "./auth.ts";
import { onlyRead } from "./methods.ts";

export type MetricsOptions = {
  findKey: FindKey;
  scrape(): Promise<{ contentType: string; text: string }>;
};

/** Answers the metrics: 401 without a key, 403 with one of another scope. */
export function metricsEndpoint({ findKey, scrape }: MetricsOptions): Router {
  const router = Router();
  router.all("/metrics", onlyRead);
  router.get("/metrics", async (request, response) => {
    const { scope } = await authenticate(request.headers, findKey);
    if (!SCRAPERS.includes(scope))
      throw new PosthornError(
        "forbidden",
        `this key's scope is ${scope}; /metrics needs one of ${SCRAPERS.join(", ")}`,
      );
    const { contentType, text } = await scrape();
    response.set({ "Content-Type": contentType, "Cache-Control": "no-store" }).send(text);
  });
  return router;
}
