// `posthorn tail`: deliveries as they happen, a line for each attempt and each end.
import { Option, type Command } from "commander";

import { SECOND } from "../kernel/duration.ts";
import { printable } from "../kernel/printable.ts";
import { openApi } from "./api.ts";
import { CommandError, EXIT } from "./exit.ts";
import { overApi, printJson, webhookIdOf, type RemoteOptions } from "./remote.ts";
import { startFollowing, type Changes, type Delivery } from "./tail-follow.ts";
import { cut, painter, widthOf, type Terminal } from "./terminal.ts";

const POLL_MS = 1 * SECOND; // live enough to watch, and one call a second is nothing to a service

type Status = Delivery["status"];
type Options = RemoteOptions & {
  webhook?: string;
  type?: string;
  channel?: string;
  status?: Status[];
  failed?: true;
};

export function addTail(program: Command, terminal: Terminal): void {
  overApi(
    program
      .command("tail")
      .description("show deliveries as they happen, until Ctrl-C")
      .option("--webhook <webhook>", "those to this one: its id, external id or name")
      .option("--type <type>", "those of this type, or of a prefix like message.*")
      .option("--channel <channel>", "those of this channel")
      .addOption(
        new Option("--status <status...>", "only what is now so").choices([
          "pending",
          "delivered",
          "dead",
          "cancelled",
        ]),
      )
      .option("--failed", "only attempts that failed, and what is dead"),
    [
      "posthorn tail --failed",
      "posthorn tail --webhook customer-4711 --type 'message.*'",
      "posthorn tail --status dead --json | jq .event_id",
    ],
  ).action((options: Options) => tail(terminal, options));
}

async function tail(terminal: Terminal, options: Options): Promise<void> {
  const { webhook, type, channel, json } = options;
  const api = await openApi(terminal, options);
  const ended = endOf(terminal);
  const follow = await startFollowing(api, {
    ...(webhook !== undefined && { webhook_id: await webhookIdOf(api, webhook) }),
    ...(type !== undefined && { type }),
    ...(channel !== undefined && { channel }),
  });
  if (!json) terminal.err.write("Waiting for deliveries; Ctrl-C ends it.\n");
  let isAway = false;
  while (!ended.aborted) {
    try {
      show(terminal, await follow(), options);
      isAway = false;
    } catch (error) {
      // A service that is restarted comes back; the key stays as wrong as it is.
      if (!(error instanceof CommandError) || error.exitCode !== EXIT.unreached) throw error;
      if (!isAway) terminal.err.write(`${error.message}\nTrying again until Ctrl-C.\n`);
      isAway = true;
    }
    await pause(ended);
  }
}

function show(terminal: Terminal, { changed, isMore }: Changes, options: Options): void {
  for (const delivery of changed.filter((each) => isWanted(each, options))) {
    if (options.json) printJson(terminal, delivery);
    else terminal.out.write(line(terminal, delivery));
  }
  if (isMore)
    terminal.err.write(
      "… more deliveries than can be shown; narrow them with --webhook, --type or --channel\n",
    );
}

function endOf({ onInterrupt, readerGone }: Terminal): AbortSignal {
  const interrupted = new AbortController();
  onInterrupt(() => interrupted.abort());
  return AbortSignal.any([interrupted.signal, readerGone]);
}

function pause(ended: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (ended.aborted) return resolve();
    const done = () => {
      clearTimeout(timer);
      ended.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, POLL_MS);
    ended.addEventListener("abort", done);
  });
}

function isWanted(
  { status, last_attempt }: Delivery,
  { status: wanted, failed }: Options,
): boolean {
  const hasFailed = status !== "delivered" && last_attempt !== null && last_attempt.reason !== null;
  return (wanted?.includes(status) ?? true) && (!failed || hasFailed);
}

const MARKS = {
  delivered: ["green", "✓"],
  dead: ["red", "✗"],
  cancelled: ["dim", "–"],
  again: ["yellow", "↻"],
  pending: ["cyan", "·"],
} as const;

// Local time, mark, answer, id, type, webhook: in 80 columns as far as the webhook's name.
function line({ out }: Terminal, delivery: Delivery): string {
  const { status, last_attempt: last, webhook_name, webhook_id, attempts_made } = delivery;
  const paint = painter(out);
  const isAgain = status === "pending" && attempts_made > 0;
  const [style, mark] = MARKS[isAgain ? "again" : status];
  const at = new Date(delivery.finished_at ?? last?.at ?? delivery.created_at);
  const time = at.toTimeString().slice(0, "00:00:00".length);
  const what = String(
    last?.status ?? last?.reason ?? delivery.reason ?? delivery.waiting_for ?? "",
  );
  const rest = `${printable(delivery.type)} → ${printable(webhook_name ?? webhook_id)}`;
  const room = widthOf(out) - (8 + 1 + 1 + 1 + 7 + 1 + 36 + 1);
  return `${paint("dim", time)} ${paint(style, `${mark} ${what.padEnd(7)}`)} ${delivery.id} ${cut(rest, room)}\n`;
}
