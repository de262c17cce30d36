// What a person reads when the service has started: where it listens, the key, and a first webhook.
import { basename, dirname, relative, sep } from "node:path";

import type { Service } from "../service.ts";

/**
 * The text for stderr. The admin key stands in it only at the start that made it. `command` is what to type to run
 * this program.
 */
export function firstSteps(
  {
    url,
    newAdminKey,
    embeddedUrl,
    reachesLoopback,
  }: Pick<Service, "url" | "newAdminKey" | "embeddedUrl" | "reachesLoopback">,
  command: string,
): string {
  const key =
    newAdminKey === null
      ? { note: "shown at the first start, or set as POSTHORN_ADMIN_KEY", value: "…" }
      : { note: "shown this once, keep it", value: newAdminKey };
  const curl = (operation: string, body: string) =>
    `  curl ${url}/${operation} -H "Authorization: Bearer $POSTHORN_KEY" -H 'Content-Type: application/json' -d '${body}'`;
  // An example that works when it is typed: ".example" is nobody's, and leads nowhere.
  const receiver = reachesLoopback ? "http://127.0.0.1:9000/" : "https://receiver.example/";
  const seen = reachesLoopback
    ? `A receiver to see it arrive: ${command} listen --key "a secret of mine"`
    : `Put your receiver's URL in place of ${receiver}. One on this machine (${command} listen) is reached where the service is started with POSTHORN_EGRESS_ALLOW=127.0.0.0/8`;
  return `
Posthorn listens on ${url} (dashboard: ${url}/dashboard/, reference: ${url}/docs)

A first webhook, in another terminal (the admin key: ${key.note}):

  export POSTHORN_KEY=${key.value}
${curl("webhooks.subscribe", `{"url": "${receiver}", "signature_key": "a secret of mine"}`)}
${curl("events.publish", '{"type": "message.created", "payload": {"text": "Hello"}}')}
${curl("deliveries.list", "{}")}

${seen}
${embeddedUrl === null ? "" : `The database, for psql: ${embeddedUrl}\nWithout psql: ${command} sql\n`}`;
}

/**
 * What to type in `folder` to run the program in `script` again, as it was found: in a clone there is no `posthorn` on
 * the path, and an `npx posthorn` that finds none here would run a stranger's of that name.
 */
export function commandOf(script: string, folder: string): string {
  const isInstalled = basename(script) === "posthorn";
  if (isInstalled && dirname(script).endsWith(`${sep}.bin`)) return "npx posthorn";
  if (isInstalled) return "posthorn";
  const path = relative(folder, script);
  const shown = path.startsWith("..") ? script : path;
  const isPlain = /^[\w./@:\\-]+$/.test(shown);
  return `node ${isPlain ? shown : `'${shown.replaceAll("'", String.raw`'\''`)}'`}`;
}
