// /openapi.yaml, and /docs: a reference of the API to read and to try, served from here alone.
import { fileURLToPath } from "node:url";

import express, { Router } from "express";

import { onlyRead } from "./methods.ts";

const ASSETS = fileURLToPath(new URL("../../dist/swagger-ui/", import.meta.url));

const PAGE = `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8" />
    <meta name="viewport" content="width=device-width, initial-scale=1" />
    <title>Posthorn API</title>
    <link rel="stylesheet" href="docs/swagger-ui.css" />
    <link rel="icon" href="data:," />
  </head>
  <body>
    <div id="reference"></div>
    <script src="docs/swagger-ui-bundle.js"></script>
    <script src="docs/start.js"></script>
  </body>
</html>
`;

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

/** Serves the description of the API and the page that shows it. */
export function docsEndpoints(openapi: string): Router {
  const router = Router();
  router.use(["/openapi.yaml", "/docs"], onlyRead);
  router.get("/openapi.yaml", (_request, response) => {
    response.type("application/yaml").send(openapi);
  });
  router.get("/docs", (request, response) => {
    // The page's own links start from here.
    if (request.path.endsWith("/")) return response.redirect("../docs");
    response.type("html").send(PAGE);
  });
  router.get("/docs/start.js", (_request, response) => {
    response.type("text/javascript").send(START);
  });
  router.use("/docs", express.static(ASSETS, { index: false, fallthrough: true }));
  return router;
}
