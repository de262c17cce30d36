// /openapi.yaml, and /docs: a reference of the API to read and to try, served from here alone.
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

import { Router } from "express";

import { onlyRead } from "./methods.ts";
import { pageSecurityHeaders } from "./security-headers.ts";
import { hashedFiles, hashedName, textFile } from "./static.ts";

// As `npm run openapi` has written it: to make it of the router takes a second, which each start would wait for.
const OPENAPI = new URL("../../openapi.yaml", import.meta.url);
const ASSETS = fileURLToPath(new URL("../../dist/swagger-ui/", import.meta.url));

// validatorUrl: the page would otherwise send the address of the description to a stranger's validator.
const START = `SwaggerUIBundle({
  url: "openapi.yaml",
  dom_id: "#reference",
  deepLinking: true,
  validatorUrl: null,
  persistAuthorization: false,
  tryItOutEnabled: true,
});
`;
const START_NAME = hashedName("start", ".js", START);

/** Where the page's own script is served. */
export const START_PATH = `/docs/${START_NAME}`;

// All that it refers to lies beside it, so that it works under whatever path a proxy has put before.
const page = (styles: string, bundle: string, start: string) => `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8" />
    <meta name="viewport" content="width=device-width, initial-scale=1" />
    <title>Posthorn API</title>
    <link rel="stylesheet" href="docs/${styles}" />
    <link rel="icon" href="data:," />
  </head>
  <body>
    <div id="reference"></div>
    <script src="docs/${bundle}"></script>
    <script src="docs/${start}"></script>
  </body>
</html>
`;

/** Serves the description of the API and the page that shows it. */
export function docsEndpoints(): Router {
  const files = hashedFiles(ASSETS);
  const html = page(
    files.nameOf("swagger-ui.css"),
    files.nameOf("swagger-ui-bundle.js"),
    START_NAME,
  );
  const router = Router();
  router.use(["/openapi.yaml", "/docs"], onlyRead);
  router.get(
    "/openapi.yaml",
    textFile(() => readFileSync(OPENAPI, "utf8"), { type: "application/yaml; charset=utf-8" }),
  );
  router.get("/docs", pageSecurityHeaders, (request, response) => {
    // The page's own links start from here.
    if (request.path.endsWith("/")) return response.redirect("../docs");
    response.type("html").set("Cache-Control", "no-store").send(html);
  });
  router.get(
    START_PATH,
    textFile(() => START, { type: "text/javascript; charset=utf-8", isForEver: true }),
  );
  router.use("/docs", files.serve);
  return router;
}
