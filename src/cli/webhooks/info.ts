// `posthorn webhooks info`: all that is known of one.
import type { Command } from "commander";

import { printable } from "../../kernel/printable.ts";
import { openApi } from "../api.ts";
import { overApi, printJson, webhookIdOf, type RemoteOptions } from "../remote.ts";
import { painter, type Terminal } from "../terminal.ts";
import { paintState, stateOf } from "./state.ts";

const LABEL_WIDTH = 18;

export function addInfo(webhooks: Command, terminal: Terminal): void {
  overApi(
    webhooks
      .command("info")
      .description("show a webhook: its settings, and what became of its deliveries")
      .argument("<webhook>", "its id, external id or name"),
    ["posthorn webhooks info customer-4711"],
  ).action((meant: string, options: RemoteOptions) => info(terminal, meant, options));
}

async function info(terminal: Terminal, meant: string, options: RemoteOptions): Promise<void> {
  const api = await openApi(terminal, options);
  const id = await webhookIdOf(api, meant);
  const webhook = await api((client, call) => client.webhooks.info.query({ id }, call));
  if (options.json) return printJson(terminal, webhook);
  const { counters } = webhook;
  const list = (entries: readonly string[]) => entries.join(", ") || "all";
  const why = webhook.health_reason === null ? "" : ` (${webhook.health_reason})`;
  const facts: [string, string | number | null][] = [
    ["id", webhook.id],
    ["external id", webhook.external_id],
    ["name", webhook.name],
    ["url", webhook.url],
    ["state", `${paintState(painter(terminal.out), stateOf(webhook))}${why}`],
    ["resting until", webhook.resting_until],
    ["events", list(webhook.events)],
    ["channels", list(webhook.channels)],
    ["preset", webhook.preset],
    ["preset settings", webhook.preset_settings && JSON.stringify(webhook.preset_settings)],
    ["signature key", webhook.has_signature_key ? "yes" : "none"],
    ["order", webhook.order],
    ["waits (s)", webhook.retry_schedule_s && (webhook.retry_schedule_s.join(", ") || "none")],
    ["timeout (ms)", webhook.timeout_ms],
    ["rate (per s)", webhook.rate_limit_per_s],
    ["delivered", counters.delivered],
    ["dead", counters.dead],
    ["pending", counters.pending],
    ["last success", counters.last_success_at],
    ["last failure", counters.last_failure_at],
    ["created", webhook.created_at],
    ["updated", webhook.updated_at],
  ];
  for (const [label, value] of facts)
    if (value !== null)
      terminal.out.write(
        `${label.padEnd(LABEL_WIDTH)}${label === "state" ? value : printable(String(value), Infinity)}\n`,
      );
}
