// The headers that keep a browser from making more of an answer than it is: on everything that is served.
import { IncomingMessage, ServerResponse } from "node:http";
import { Socket } from "node:net";

import helmet from "helmet";

/** Sets them. */
export const securityHeaders = helmet({
  // The listener speaks plain HTTP, so there is nothing to upgrade to; the page of /docs has inline styles and images.
  contentSecurityPolicy: {
    directives: {
      upgradeInsecureRequests: null,
      frameAncestors: ["'none'"],
      styleSrc: ["'self'", "'unsafe-inline'"],
      fontSrc: ["'self'"],
    },
  },
  strictTransportSecurity: false,
});

/** The same as lines, for answers that no application makes. */
export function securityHeaderLines(): string[] {
  const response = new ServerResponse(new IncomingMessage(new Socket()));
  securityHeaders(response.req, response, () => {});
  return Object.entries(response.getHeaders()).map(([name, value]) => `${name}: ${String(value)}`);
}
