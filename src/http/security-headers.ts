// The headers that keep a browser from making more of an answer than it is: a set for data, and one for each page that is served.
import { IncomingMessage, ServerResponse } from "node:http";
import { Socket } from "node:net";

import type { RequestHandler } from "express";
import helmet from "helmet";

const NOTHING = ["'none'"];
const OWN = ["'self'"];

/** Sets those of data, in which nothing is to be run, loaded, sent or framed: on everything that is no page. */
export const securityHeaders = headersWith({});

/** Sets those of a page with files of its own beside it. Nothing inline: what is put into the page as text stays text. */
export const pageSecurityHeaders = headersWith({
  scriptSrc: OWN,
  styleSrc: OWN,
  imgSrc: [...OWN, "data:"], // swagger-ui's style sheet draws its arrows so
  connectSrc: OWN,
});

const DASHBOARD = {
  scriptSrc: OWN,
  styleSrc: OWN,
  connectSrc: OWN,
  imgSrc: [...OWN, "data:"],
  fontSrc: OWN,
  requireTrustedTypesFor: ["'script'"],
};

/** Sets those of the dashboard, in which besides no text becomes script, by whatever way. */
export const dashboardSecurityHeaders = headersWith(DASHBOARD);

/** Sets the same for the portal, which these sites may frame; browsers that know X-Frame-Options alone would let nobody. */
export function portalSecurityHeaders(framers: readonly string[]): RequestHandler {
  const set = headersWith(DASHBOARD, framers);
  return (request, response, next) => {
    if (framers.length > 0) response.removeHeader("X-Frame-Options"); // which everything has
    set(request, response, next);
  };
}

/** Those of data as lines, for answers that no application makes. */
export function securityHeaderLines(): string[] {
  const response = new ServerResponse(new IncomingMessage(new Socket()));
  securityHeaders(response.req, response, () => {});
  return Object.entries(response.getHeaders()).map(([name, value]) => `${name}: ${String(value)}`);
}

function headersWith(allowed: Record<string, string[]>, framers: readonly string[] = []) {
  return helmet({
    contentSecurityPolicy: {
      useDefaults: false,
      directives: {
        defaultSrc: NOTHING,
        ...allowed,
        baseUri: NOTHING,
        formAction: NOTHING,
        frameAncestors: framers.length === 0 ? NOTHING : [...framers],
      },
    },
    xFrameOptions: framers.length === 0 && { action: "deny" }, // frameAncestors, to browsers that don't know it
    strictTransportSecurity: false, // the listener speaks plain HTTP
  });
}
