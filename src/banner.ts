// What a person reads when the service has started: where it listens, the key, and a first webhook.
import type { Service } from "./service.ts";

/** The text for stderr. The admin key stands in it only at the start that made it. */
export function firstSteps({
  url,
  newAdminKey,
  embeddedUrl,
}: Pick<Service, "url" | "newAdminKey" | "embeddedUrl">): string {
  const key =
    newAdminKey === null
      ? { note: "shown at the first start, or set as POSTHORN_ADMIN_KEY", value: "…" }
      : { note: "shown this once, keep it", value: newAdminKey };
  const curl = (operation: string, body: string) =>
    `  curl ${url}/${operation} -H "Authorization: Bearer $POSTHORN_KEY" -H 'Content-Type: application/json' -d '${body}'`;
  return `
Posthorn listens on ${url} (reference: ${url}/docs)

A first webhook, in another terminal (the admin key: ${key.note}):

  export POSTHORN_KEY=${key.value}
${curl("webhooks.subscribe", '{"url": "http://127.0.0.1:9000/", "signature_key": "a secret of mine"}')}
${curl("events.publish", '{"type": "message.created", "payload": {"text": "Hello"}}')}
${curl("deliveries.list", "{}")}

A receiver to see it arrive: node examples/receiver.mjs "a secret of mine"
${embeddedUrl === null ? "" : `The database, for psql: ${embeddedUrl}\n`}`;
}
