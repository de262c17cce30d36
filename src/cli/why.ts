// `posthorn why`: what became of an event, and why it did not go to webhooks, in words.
import type { Command } from "commander";

import { printable } from "../kernel/printable.ts";
import { openApi, type Api } from "./api.ts";
import { overApi, pages, printJson, webhookIdOf, type RemoteOptions } from "./remote.ts";
import type { Delivery } from "./tail-follow.ts";
import { painter, type Terminal } from "./terminal.ts";
import { deliveryInWords, reasonInWords, type NotSent } from "./why-words.ts";

export function addWhy(program: Command, terminal: Terminal): void {
  overApi(
    program
      .command("why")
      .description("tell what became of an event, and why it did not go to a webhook")
      .argument("<event>", "its id: evt_…")
      .argument("[webhook]", "this one alone: its id, external id or name"),
    [
      "posthorn why evt_019c13f8d2007a1f80004c1b7a9e22d1",
      "posthorn why evt_019c13f8d2007a1f80004c1b7a9e22d1 customer-4711",
    ],
  ).action((event: string, webhook: string | undefined, options: RemoteOptions) =>
    why(terminal, event, webhook, options),
  );
}

async function why(
  terminal: Terminal,
  id: string,
  meant: string | undefined,
  options: RemoteOptions,
): Promise<void> {
  const api = await openApi(terminal, options);
  const webhook = meant === undefined ? undefined : await webhookIdOf(api, meant);
  const event = await api(({ events }, call) => events.info.query({ id }, call));
  const { out } = terminal;
  if (!options.json) {
    const channel = event.channel === null ? "" : ` on channel ${printable(event.channel)}`;
    out.write(`${id}: ${printable(event.type)}${channel}, published ${event.created_at}\n`);
  }
  let printed = 0;
  for await (const page of deliveriesOf(api, id, webhook)) {
    printed += page.length;
    for (const delivery of page) show(terminal, options, "sent", delivery);
  }
  for await (const page of notSentOf(api, id, webhook)) {
    // One that it did go to is among the deliveries: cancelled or held, it is printed there.
    const others = page.filter(({ delivery_id }) => delivery_id === null);
    printed += others.length;
    for (const each of others) show(terminal, options, "not_sent", each);
  }
  if (printed === 0 && !options.json) out.write("  there was no webhook, and is none\n");
}

function show(
  terminal: Terminal,
  { json }: RemoteOptions,
  kind: "sent" | "not_sent",
  about: Delivery | NotSent,
): void {
  if (json) return printJson(terminal, { [kind]: about });
  const paint = painter(terminal.out);
  const name = printable(about.webhook_name ?? about.webhook_id);
  const words = "status" in about ? deliveryInWords(about) : reasonInWords(about);
  const isGood = "status" in about && about.status === "delivered";
  terminal.out.write(
    `${isGood ? paint("green", "✓") : paint("yellow", "✗")} ${paint("bold", name)}`,
  );
  if (about.webhook_name !== null) terminal.out.write(paint("dim", `  ${about.webhook_id}`));
  terminal.out.write(`\n${words.map((line) => `    ${line}\n`).join("")}`);
}

function deliveriesOf(api: Api, event_id: string, webhook: string | undefined) {
  const filter = { event_id, ...(webhook !== undefined && { webhook_id: webhook }) };
  return pages<Delivery>((page) =>
    api(({ deliveries }, call) => deliveries.list.query({ ...filter, ...page }, call)),
  );
}

function notSentOf(api: Api, id: string, webhook: string | undefined) {
  const filter = { id, ...(webhook !== undefined && { webhook_id: webhook }) };
  return pages<NotSent>((page) =>
    api(({ events }, call) => events.why_not.query({ ...filter, ...page }, call)),
  );
}
