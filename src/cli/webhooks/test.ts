// `posthorn webhooks test`: one sample, and what the receiver says of it.
import type { Command } from "commander";

import { printable } from "../../kernel/printable.ts";
import { openApi } from "../api.ts";
import { EXIT } from "../exit.ts";
import { overApi, printJson, webhookIdOf, type RemoteOptions } from "../remote.ts";
import { painter, type Terminal } from "../terminal.ts";

const BODY_SHOWN_MAX = 400; // a glance: the API answers more

export function addTest(webhooks: Command, terminal: Terminal): void {
  overApi(
    webhooks
      .command("test")
      .description("send a webhook one sample now, and show its answer; 5 where it is not taken")
      .argument("<webhook>", "its id, external id or name")
      .option("--type <type>", "whose example to send; the first that it takes, unless given"),
    ["posthorn webhooks test customer-4711 --type message.created"],
  ).action((meant: string, options: RemoteOptions & { type?: string }) =>
    test(terminal, meant, options),
  );
}

async function test(
  terminal: Terminal,
  meant: string,
  { type, ...options }: RemoteOptions & { type?: string },
): Promise<void> {
  const api = await openApi(terminal, options);
  const id = await webhookIdOf(api, meant);
  const attempt = await api(({ webhooks }, call) =>
    webhooks.test.mutate({ id, ...(type !== undefined && { type }) }, call),
  );
  const isTaken = attempt.reason === null;
  if (!isTaken) terminal.exitCode = EXIT.found;
  if (options.json) return printJson(terminal, attempt);
  const paint = painter(terminal.out);
  const answer = attempt.status === null ? "no answer" : `answered ${attempt.status}`;
  const verdict = isTaken ? paint("green", "✓ taken") : paint("red", `✗ ${attempt.reason}`);
  terminal.out.write(
    `${verdict}  ${answer}  ${attempt.duration_ms} ms  ${printable(attempt.url)}\n`,
  );
  if (attempt.error !== null) terminal.out.write(`  ${printable(attempt.error, BODY_SHOWN_MAX)}\n`);
  if (!isTaken && attempt.response_body !== "")
    terminal.out.write(`  ${printable(attempt.response_body, BODY_SHOWN_MAX)}\n`);
}
