// /dashboard: the page of operators, and /dashboard/portal: the same page for customers, as the build has made it. It talks to
// /trpc alone.
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

import { Router, type RequestHandler } from "express";

import { onlyRead } from "./methods.ts";
import { dashboardSecurityHeaders, portalSecurityHeaders } from "./security-headers.ts";
import { hashedFiles } from "./static.ts";

const FOLDER = fileURLToPath(new URL("../../dist/dashboard/", import.meta.url));
const PAGE = `${FOLDER}index.html`;

/** Serves the dashboard, and the portal, which the `framers` may show in a frame; where nothing was built there is none. */
export function dashboardEndpoints(framers: readonly string[]): Router {
  const router = Router();
  if (!existsSync(PAGE)) return router;
  const html = readFileSync(PAGE, "utf8");
  router.use("/dashboard", onlyRead);
  router.get("/dashboard", dashboardSecurityHeaders, page("dashboard/", html));
  // Its files lie in the folder above.
  const below = html.replaceAll('="./', '="../');
  router.get("/dashboard/portal", portalSecurityHeaders(framers), page("portal/", below));
  router.use("/dashboard", hashedFiles(FOLDER).serve);
  return router;
}

// The page's own links start from its folder.
function page(folder: string, html: string): RequestHandler {
  return (request, response) => {
    if (!request.path.endsWith("/")) return response.redirect(folder);
    response.type("html").set("Cache-Control", "no-store").send(html);
  };
}
