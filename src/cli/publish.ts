// `posthorn publish`: one event, by hand or by a script.
import { readFileSync } from "node:fs";

import type { Command } from "commander";

import { openApi } from "./api.ts";
import { UsageError } from "./exit.ts";
import { overApi, printJson, type RemoteOptions } from "./remote.ts";
import type { Terminal } from "./terminal.ts";

const INPUT_BYTES_MAX = 1024 * 1024; // a payload has 256 KiB at most: what is far beyond is no slip

type Options = RemoteOptions & { channel?: string; timestamp?: string; idempotencyKey?: string };

export function addPublish(program: Command, terminal: Terminal): void {
  overApi(
    program
      .command("publish")
      .description("publish an event: prints its id, and how many webhooks it goes to")
      .argument("<type>", "its type, like message.created")
      .argument("<payload>", "JSON; @file reads it from a file, - from what is piped in")
      .option("--channel <channel>", "the line, account or inbox that it belongs to")
      .option(
        "--timestamp <time>",
        "when it happened: ISO 8601 with Z or an offset; now, unless given",
      )
      .option("--idempotency-key <key>", "published again under the same key, it is stored once"),
    [
      `posthorn publish message.created '{"id": 1}'`,
      "posthorn publish message.created @event.json --channel +15551234567",
      "jq .order order.json | posthorn publish order.paid - --idempotency-key order-1",
    ],
  ).action((type: string, payload: string, options: Options) =>
    publish(terminal, type, payload, options),
  );
}

async function publish(
  terminal: Terminal,
  type: string,
  payload: string,
  { channel, timestamp, idempotencyKey, ...options }: Options,
): Promise<void> {
  const api = await openApi(terminal, options);
  const event = {
    type,
    payload: parse(await textOf(terminal, payload)),
    ...(channel !== undefined && { channel }),
    ...(timestamp !== undefined && { timestamp }),
    ...(idempotencyKey !== undefined && { idempotency_key: idempotencyKey }),
  };
  const published = await api(({ events }, call) => events.publish.mutate(event, call));
  if (options.json) return printJson(terminal, published);
  terminal.out.write(`${published.id}\n`);
  const { deliveries } = published;
  const count = `It goes to ${deliveries === 1 ? "1 webhook" : `${deliveries} webhooks`}.`;
  terminal.err.write(
    published.duplicate ? "It was published before: nothing was stored.\n" : `${count}\n`,
  );
}

async function textOf({ readInput }: Terminal, payload: string): Promise<string> {
  if (payload === "-") {
    const text = await readInput(INPUT_BYTES_MAX);
    if (text !== undefined) return text;
    throw new UsageError("payload: what is piped in is far above the 256 KiB of a payload");
  }
  if (!payload.startsWith("@")) return payload;
  try {
    return readFileSync(payload.slice(1), "utf8");
  } catch (error) {
    throw new UsageError(`payload: the file can't be read: ${(error as Error).message}`);
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    throw new UsageError(`payload: JSON is needed, a text in "quotes" too: ${reason(error)}`);
  }
}

// The message of the parser repeats the text, which may be a secret; its place says enough.
function reason(error: unknown): string {
  return /at position \d+/.exec((error as Error).message)?.[0] ?? "it ends too early, or is none";
}
