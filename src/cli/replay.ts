// `posthorn replay`: sends a span's events to a webhook again; counts first, then shows how far it is.
import { Option, type Command } from "commander";

import { openApi, type Api } from "./api.ts";
import { past, type Past } from "./arguments.ts";
import { EXIT, UsageError } from "./exit.ts";
import { overApi, printJson, webhookIdOf, type RemoteOptions } from "./remote.ts";
import type { watchReplay } from "./replay-watch.ts";
import type { Terminal } from "./terminal.ts";

const STATUSES = ["delivered", "dead", "cancelled", "never"] as const;

type Options = RemoteOptions & {
  since?: Past;
  until?: Past;
  status?: (typeof STATUSES)[number];
  dead?: true;
  dryRun?: true;
  yes?: true;
  wait: boolean;
};

export function addReplay(program: Command, terminal: Terminal): void {
  overApi(
    program
      .command("replay")
      .description("send events to a webhook again: counts, asks, and shows how far it is")
      .argument("<webhook>", "its id, external id or name")
      .option(
        "--since <time>",
        "events from then on: ISO 8601, or how long ago: 90d, 12h, 30m",
        past,
      )
      .option("--until <time>", "events before this; now, unless given", past)
      .addOption(
        new Option(
          "--status <status>",
          "only those whose last delivery ended so; never: they match now, and had none",
        ).choices(STATUSES),
      )
      .addOption(
        new Option("--dead", "all that is dead, whenever it was published").conflicts([
          "since",
          "until",
          "status",
        ]),
      )
      .option("--dry-run", "only count")
      .option("--yes", "do not ask")
      .option("--no-wait", "start it, and do not wait for its end"),
    [
      "posthorn replay customer-4711 --since 2h --status dead",
      "posthorn replay customer-4711 --since 2026-01-31T12:00:00Z --dry-run",
      "posthorn replay customer-4711 --dead --yes --no-wait",
    ],
  ).action((meant: string, options: Options) => replay(terminal, meant, options));
}

export function addReplays(program: Command, terminal: Terminal): void {
  const replays = program.command("replays").description("replays that run");
  overApi(
    replays
      .command("watch")
      .description("show how far a replay is, until its end")
      .argument("<id>", "as posthorn replay said it"),
    ["posthorn replays watch rpl_019c13f8d2007a1f80004c1b7a9e22d1"],
  ).action(async (id: string, options: RemoteOptions) =>
    watch(terminal, await openApi(terminal, options), id, options),
  );
  overApi(
    replays
      .command("cancel")
      .description("end a replay: nothing more is queued, and what it has pending is cancelled")
      .argument("<id>", "as posthorn replay said it"),
    ["posthorn replays cancel rpl_019c13f8d2007a1f80004c1b7a9e22d1"],
  ).action(async (id: string, options: RemoteOptions) => {
    const api = await openApi(terminal, options);
    const ended = await api((client, call) => client.replays.cancel.mutate({ id }, call));
    if (options.json) return printJson(terminal, ended);
    terminal.out.write(
      `${id} is ${ended.status}: ${ended.delivered} delivered, ${ended.cancelled} cancelled.\n`,
    );
  });
}

async function replay(terminal: Terminal, meant: string, options: Options): Promise<void> {
  const { dead, since, dryRun, yes, json } = options;
  if (!dead && !since)
    throw new UsageError("--since: from when on is needed, or --dead for all that is dead");
  const api = await openApi(terminal, options);
  const id = await webhookIdOf(api, meant);
  const ask = await asker(api, id, options);
  const counted = await ask(true);
  if (dryRun && json) return printJson(terminal, counted);
  const count = `${counted.is_exact ? "" : "at least "}${counted.matched}`;
  const what = counted.matched === 1 && counted.is_exact ? "event" : "events";
  if (counted.matched === 0 || dryRun)
    return void terminal.out.write(`${count} ${what} would be sent again.\n`);
  if (!yes) {
    if (!terminal.confirm)
      throw new UsageError(
        `--yes: is needed where nobody can be asked; ${count} ${what} would be sent again (--dry-run counts)`,
      );
    if (!(await terminal.confirm(`Send ${count} ${what} to ${meant} again?`))) {
      terminal.err.write("Nothing was done.\n");
      terminal.exitCode = EXIT.interrupted;
      return;
    }
  }
  const { replay_id: started } = await ask(false);
  if (started === null) throw new Error("a replay without an id");
  if (options.wait) return watch(terminal, api, started, options);
  if (json) return printJson(terminal, { replay_id: started });
  terminal.out.write(`${started}\n`);
}

async function watch(...how: Parameters<typeof watchReplay>): Promise<void> {
  const { watchReplay: show } = await import("./replay-watch.ts");
  await show(...how);
}

/** How to ask for the replay, or for its count alone. Spans are from the service's now, and from one now for both. */
async function asker(api: Api, id: string, { dead, since, until, status }: Options) {
  if (dead || !since)
    return (isDryRun: boolean) =>
      api(({ webhooks }, call) => webhooks.retry_dead.mutate({ id, dry_run: isDryRun }, call));
  const { now } = await api(({ session }, call) => session.info.query({}, call));
  const timeOf = (time: Past) =>
    "at" in time ? time.at : new Date(Date.parse(now) - time.agoMs).toISOString();
  const span = { since: timeOf(since), ...(until && { until: timeOf(until) }) };
  const wanted = { id, ...span, ...(status && { status }) };
  return (isDryRun: boolean) =>
    api(({ webhooks }, call) => webhooks.replay.mutate({ ...wanted, dry_run: isDryRun }, call));
}
