// What the service's words mean, for people.

/** Why an attempt failed, or a delivery ended undelivered. */
export const REASONS: Record<string, string> = {
  dns: "Name not resolved",
  connect: "Connection failed",
  tls: "TLS failed",
  timeout: "No answer in time",
  status: "Refused by its status",
  redirect: "Answered a redirect",
  policy: "Address not allowed",
  body: "Body could not be made",
  key: "Key does not fit",
  schema: "Payload does not fit its schema",
  worker_crashed: "Worker crashed each time",
  unsubscribed: "Webhook unsubscribed",
  deleted: "Webhook deleted",
  erased: "Event erased",
  cancelled: "Cancelled by hand",
  held_too_long: "Held too long",
};

/** What a pending delivery waits for. */
export const WAITS: Record<string, string> = {
  paused: "Held: paused",
  disabled: "Held: disabled",
  order: "Behind earlier ones",
  rate: "Rate limit",
  cap: "Behind others",
};

/** Why a delivery was made. */
export const CAUSES: Record<string, string> = {
  publish: "Published",
  retry: "Sent again",
  replay: "Replayed",
  reconcile: "Reconciled",
};

/** The words for one, or itself where it is not known here. */
export function wordsOf(words: Record<string, string>, one: string): string {
  return words[one] ?? one;
}

/** 1204 as "1,204". */
const grouped = new Intl.NumberFormat("en"); // made once: a tenth of what drawing a row takes

export function number(value: number): string {
  return grouped.format(value);
}

/** "1 event", "1,204 events", "1 delivery", "12 deliveries". */
export function counted(value: number, one: string): string {
  const some = one.endsWith("y") ? `${one.slice(0, -1)}ies` : `${one}s`;
  return `${number(value)} ${value === 1 ? one : some}`;
}
