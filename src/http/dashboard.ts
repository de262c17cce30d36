// /dashboard: the page of operators, as the build has made it. It talks to /trpc alone.
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

import { Router } from "express";

import { onlyRead } from "./methods.ts";
import { dashboardSecurityHeaders } from "./security-headers.ts";
import { hashedFiles } from "./static.ts";

const FOLDER = fileURLToPath(new URL("../../dist/dashboard/", import.meta.url));
const PAGE = `${FOLDER}index.html`;

/** Serves the dashboard; where nothing was built there is none. */
export function dashboardEndpoints(): Router {
  const router = Router();
  if (!existsSync(PAGE)) return router;
  const html = readFileSync(PAGE, "utf8");
  const files = hashedFiles(FOLDER);
  router.use("/dashboard", onlyRead);
  router.get("/dashboard", dashboardSecurityHeaders, (request, response) => {
    // The page's own links start from here.
    if (!request.path.endsWith("/")) return response.redirect("dashboard/");
    response.type("html").set("Cache-Control", "no-store").send(html);
  });
  router.use("/dashboard", files.serve);
  return router;
}
