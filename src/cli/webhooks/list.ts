// `posthorn webhooks list`: a line each.
import { Option, type Command } from "commander";

import { printable } from "../../kernel/printable.ts";
import { openApi } from "../api.ts";
import { overApi, pages, printJson, type RemoteOptions, type Webhook } from "../remote.ts";
import { cut, painter, widthOf, type Terminal } from "../terminal.ts";
import { paintState, stateOf } from "./state.ts";

type Options = RemoteOptions & {
  status?: "Subscribed" | "Unsubscribed";
  health?: "ok" | "failing" | "disabled";
  q?: string;
  trouble?: true;
};

const WIDTHS = { id: 36, state: "unsubscribed".length };

export function addList(webhooks: Command, terminal: Terminal): void {
  overApi(
    webhooks
      .command("list")
      .description("list webhooks, newest first: id, state, name or URL")
      .addOption(
        new Option("--status <status>", "those alone").choices(["Subscribed", "Unsubscribed"]),
      )
      .addOption(
        new Option("--health <health>", "those alone").choices(["ok", "failing", "disabled"]),
      )
      .option("--q <text>", "part of the name, the URL or the external id, or how the id begins")
      .option("--trouble", "those in trouble first"),
    ["posthorn webhooks list --trouble", "posthorn webhooks list --health failing --json | jq .id"],
  ).action((options: Options) => list(terminal, options));
}

async function list(terminal: Terminal, { json, trouble, ...options }: Options): Promise<void> {
  const { tenant: _, ...filter } = options;
  const api = await openApi(terminal, options);
  const all = pages<Webhook>((page) =>
    api(({ webhooks }, call) =>
      webhooks.list.query({ ...filter, ...page, ...(trouble && { sort: "trouble" }) }, call),
    ),
  );
  let isHeaded = json === true;
  for await (const page of all) {
    if (terminal.readerGone.aborted) return;
    if (!isHeaded) printHeading(terminal);
    isHeaded = true;
    for (const webhook of page) {
      if (json) printJson(terminal, webhook);
      else terminal.out.write(line(terminal, webhook));
    }
  }
}

function printHeading({ out }: Terminal): void {
  out.write(`${"ID".padEnd(WIDTHS.id)}  ${"STATE".padEnd(WIDTHS.state)}  NAME OR URL\n`);
}

function line({ out }: Terminal, webhook: Webhook): string {
  const room = widthOf(out) - WIDTHS.id - WIDTHS.state - 4;
  const name = cut(printable(webhook.name ?? webhook.url), room);
  return `${webhook.id}  ${paintState(painter(out), stateOf(webhook), WIDTHS.state)}  ${name}\n`;
}
