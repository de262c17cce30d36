// Who is trusted to vouch for a receiver, and what was agreed on with receivers that they vouched for.
import { createSecureContext, rootCertificates, type SecureContext } from "node:tls";

import { createSessions, type Sessions } from "./sessions.ts";

export type Trust = {
  /** One for all connections: a context of its own would be most of what a resumed handshake costs. No session is kept in it. */
  secureContext: SecureContext;
  /** A resumed one is not judged by its certificate again, so they go with the authorities that judged it. */
  sessions: Sessions;
};

/**
 * Answers who is trusted now: the well-known authorities and those of `ca` (PEM), asked each time. The same object while
 * they are the same.
 */
export function createTrust(ca: () => string = () => ""): () => Trust {
  let known: (Trust & { pem: string }) | undefined;
  return () => {
    const pem = ca();
    if (known?.pem === pem) return known;
    const secureContext = createSecureContext(pem ? { ca: [...rootCertificates, pem] } : {});
    return (known = { pem, secureContext, sessions: createSessions() });
  };
}
