// /healthz and /readyz, for supervisors and load balancers.
import { Router } from "express";

import { onlyRead } from "./methods.ts";

/** Why the service is not ready, or null where it is. */
export type Readiness = () => Promise<string | null>;

/** `/healthz` says that the process answers; `/readyz` that it can do its work: 200, or 503 with the reason. */
export function healthEndpoints(readiness: Readiness): Router {
  const router = Router();
  router.all(["/healthz", "/readyz"], onlyRead);
  router.get("/healthz", (_request, response) => {
    response.json({ status: "ok" });
  });
  router.get("/readyz", async (_request, response) => {
    const reason = await readiness();
    response
      .status(reason === null ? 200 : 503)
      .json(reason === null ? { status: "ready" } : { status: "not ready", reason });
  });
  return router;
}
