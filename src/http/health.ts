// /healthz and /readyz, for supervisors and load balancers.
import { Router } from "express";

import { onlyRead } from "./methods.ts";

export type Readiness = () => Promise<{
  /** Why the service is not ready, or null where it is. */
  reason: string | null;
  /** Whether each cell can be worked with; empty where there is but one database. */
  cells: Readonly<Record<string, boolean>>;
}>;

/**
 * `/healthz` says that the process answers; `/readyz` that it can do its work: 200, or 503 with the reason. Where there are cells it
 * says of each whether it is up: one that is away stops its own tenants alone, so it does not make the process not ready.
 */
export function healthEndpoints(readiness: Readiness): Router {
  const router = Router();
  router.all(["/healthz", "/readyz"], onlyRead);
  router.get("/healthz", (_request, response) => {
    response.json({ status: "ok" });
  });
  router.get("/readyz", async (_request, response) => {
    const { reason, cells } = await readiness();
    const names = Object.keys(cells);
    const told = Object.fromEntries(
      names.map((name) => [name, cells[name] ? "up" : "away"] as const),
    );
    response.status(reason === null ? 200 : 503).json({
      ...(reason === null ? { status: "ready" } : { status: "not ready", reason }),
      ...(names.length > 0 && { cells: told }),
    });
  });
  return router;
}
