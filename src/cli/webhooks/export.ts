// `posthorn webhooks export`: what import reads, a line each. Keys only beside the database: no operation answers them.
import type { Command } from "commander";

import { MASK } from "../../kernel/mask.ts";
import { openApi } from "../api.ts";
import { CommandError, EXIT } from "../exit.ts";
import { overApi, pages, printJson, type RemoteOptions, type Webhook } from "../remote.ts";
import type { Terminal } from "../terminal.ts";

type Options = RemoteOptions & { withKeys?: true };

export function addExport(webhooks: Command, terminal: Terminal): void {
  overApi(
    webhooks
      .command("export")
      .description(
        "print what webhooks import reads, a line of JSON each; unsubscribed ones are left out",
      )
      .option(
        "--with-keys",
        "with signature keys: read beside the database, with DATABASE_URL and POSTHORN_SECRETS_KEY",
      ),
    [
      "posthorn webhooks export > hooks.ndjson",
      "posthorn webhooks export --with-keys > secret.ndjson",
    ],
  ).action((options: Options) => exportAll(terminal, options));
}

async function exportAll(terminal: Terminal, options: Options): Promise<void> {
  if (options.withKeys) {
    const { exportWithKeys } = await import("./export-keys.ts");
    return exportWithKeys(terminal, options.tenant ?? "default");
  }
  const api = await openApi(terminal, options);
  const all = pages<Webhook>((page) =>
    api((client, call) => client.webhooks.list.query({ status: "Subscribed", ...page }, call)),
  );
  for await (const page of all)
    for (const webhook of page) {
      if (Object.values(webhook.headers).includes(MASK))
        throw new CommandError(
          EXIT.refused,
          "this key may not see the values of headers, without which the file can't be imported: use one of scope manage",
        );
      printJson(terminal, subscriptionOf(webhook));
    }
}

// The fields of webhooks.subscribe.
function subscriptionOf(webhook: Webhook) {
  const { id, url, name, headers, events, channels, preset, order, paused } = webhook;
  const { preset_settings, retry_schedule_s, timeout_ms, rate_limit_per_s, external_id, metadata } =
    webhook;
  return {
    ...{ id, url, name, headers, events, channels, preset, order, paused },
    ...{ preset_settings, retry_schedule_s, timeout_ms, rate_limit_per_s, external_id, metadata },
  };
}
