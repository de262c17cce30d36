// Where the views are. Each has an address, and what leads there is a real link.
import { addressTenant, baseOf, go } from "./hash.ts";

export type Query = Record<string, string | number | boolean | null | undefined>;

/** The address of a view, within the tenant that is looked at. */
export function addressOf(path: string, query: Query = {}, tenant = addressTenant()): string {
  const params = new URLSearchParams();
  for (const [name, value] of Object.entries(query))
    if (value !== undefined && value !== null && value !== "" && value !== false)
      params.set(name, String(value));
  const text = params.toString();
  return `${baseOf(tenant)}${path}${text === "" ? "" : `?${text}`}`;
}

/** The same as a link's `href`. */
export function linkTo(path: string, query?: Query, tenant?: string | null): string {
  return `#${addressOf(path, query, tenant)}`;
}

/** Goes to a view, for when something was made or found. */
export function goTo(path: string, query?: Query): void {
  go(addressOf(path, query));
}

/** The views' paths; ids are encoded. */
export const paths = {
  overview: "/",
  webhooks: "/webhooks",
  newWebhook: "/new-webhook",
  webhook: (id: string) => `/webhooks/${encodeURIComponent(id)}`,
  editWebhook: (id: string) => `/webhooks/${encodeURIComponent(id)}/edit`,
  events: "/events",
  event: (id: string) => `/events/${encodeURIComponent(id)}`,
  deliveries: "/deliveries",
  delivery: (id: string) => `/deliveries/${encodeURIComponent(id)}`,
  replays: "/replays",
  replay: (id: string) => `/replays/${encodeURIComponent(id)}`,
  eventTypes: "/event-types",
  newEventType: "/new-event-type",
  eventType: (name: string) => `/event-types/${encodeURIComponent(name)}`,
  keys: "/keys",
  find: "/find",
};
