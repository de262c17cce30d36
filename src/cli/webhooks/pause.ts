// `posthorn webhooks pause` and `resume`: hold what goes to one webhook, and let it go on.
import type { Command } from "commander";

import { openApi, type Api } from "../api.ts";
import { overApi, printJson, webhookIdOf, type RemoteOptions } from "../remote.ts";
import type { Terminal } from "../terminal.ts";

export function addPause(webhooks: Command, terminal: Terminal): void {
  overApi(
    webhooks
      .command("pause")
      .description("hold all that goes to a webhook: nothing new is sent, nothing is lost")
      .argument("<webhook>", "its id, external id or name"),
    ["posthorn webhooks pause customer-4711"],
  ).action(async (meant: string, options: RemoteOptions) => {
    const api = await openApi(terminal, options);
    const id = await webhookIdOf(api, meant);
    const webhook = await api(({ webhooks: ours }, call) =>
      ours.update.mutate({ id, paused: true }, call),
    );
    if (options.json) return printJson(terminal, webhook);
    terminal.out.write(
      `${id} is paused. What is published for it waits; posthorn webhooks resume ends that.\n`,
    );
  });
}

export function addResume(webhooks: Command, terminal: Terminal): void {
  overApi(
    webhooks
      .command("resume")
      .description("end a webhook's pause, and its disablement: what was held is sent in order")
      .argument("<webhook>", "its id, external id or name"),
    ["posthorn webhooks resume customer-4711"],
  ).action(async (meant: string, options: RemoteOptions) => {
    const api = await openApi(terminal, options);
    const id = await webhookIdOf(api, meant);
    const { webhook, ended } = await resume(api, id);
    if (options.json) return printJson(terminal, webhook);
    terminal.out.write(
      ended.length === 0
        ? `${id} was neither paused nor disabled.\n`
        : `${id} is no longer ${ended.join(" and ")}. What was held is sent, slowly at first.\n`,
    );
  });
}

// An unsubscribed one is left so: that was somebody's wish, and no hold.
async function resume(api: Api, id: string) {
  const before = await api(({ webhooks }, call) => webhooks.info.query({ id }, call));
  const isDisabled = before.status === "Subscribed" && before.health === "disabled";
  const ended = [...(before.paused ? ["paused"] : []), ...(isDisabled ? ["disabled"] : [])];
  const changes = {
    ...(before.paused && { paused: false }),
    ...(isDisabled && { status: "Subscribed" as const }),
  };
  const webhook =
    ended.length === 0
      ? before
      : await api(({ webhooks }, call) => webhooks.update.mutate({ id, ...changes }, call));
  return { webhook, ended };
}
