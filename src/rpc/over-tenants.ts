// What an admin may ask of all tenants at once.
import { invalid, type PosthornError } from "../kernel/errors.ts";

/** The operations that take `X-Tenant: *`: those where somebody looks for what is somewhere. */
export const OVER_TENANTS: readonly string[] = [
  "webhooks.list",
  "events.list",
  "deliveries.list",
  "event_types.list",
  "find",
  "stats.overview",
  "stats.webhook",
  "stats.webhooks",
];

/** The 400 of all others. */
export function ofOneTenant(name: string): PosthornError {
  return invalid(
    "X-Tenant",
    `${name} is of one tenant, so name it; * may be used with ${OVER_TENANTS.join(", ")}`,
  );
}
