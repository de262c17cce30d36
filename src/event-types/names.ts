// What an event type may be called.

/** Words of letters, digits, _ and -, joined by dots. The database's publish() holds the same. */
export const TYPE_PATTERN = /^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$/;

/** An entry of a webhook's `events` that takes in every type below it, also those made later. */
export const PREFIX_PATTERN = /^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*\.\*$/;

export const TYPE_NAME_MAX = 200;

/** The service's own events: nobody else publishes them, and they go only where they are named. */
export const OWN_EVENT_TYPES = [
  "webhook.failing",
  "webhook.disabled",
  "webhook.recovered",
  "webhook.dropping",
  "delivery.dead",
] as const;

/** Says whether a type stands under a prefix that is kept for the service's own events. */
export function isReservedType(name: string): boolean {
  return /^(webhook|delivery)\./.test(name);
}

/** Says whether an entry, a type or a prefix ending in `.*`, takes in one of these types. */
export function takesInAny(entry: string, types: readonly string[]): boolean {
  const prefix = PREFIX_PATTERN.test(entry) ? entry.slice(0, -1) : null;
  return types.some((type) => (prefix === null ? type === entry : type.startsWith(prefix)));
}
