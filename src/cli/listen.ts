// `posthorn listen`: a receiver for people, to see deliveries arrive before they have a receiver of their own.
import type { IncomingMessage, ServerResponse } from "node:http";

import { listen } from "../http/listen.ts";
import { findPreset, type PresetName, type PresetSettings } from "../presets/index.ts";
import { printDelivery } from "../receiver/print.ts";
import { receive, type Expectation } from "../receiver/receive.ts";
import { UsageError } from "./exit.ts";
import { aborted, endSignal, readerGone } from "./process.ts";

export type ListenOptions = {
  host: string;
  port: number;
  /** The status of every answer, whatever is found of the signature. */
  status: number;
  keys: readonly string[];
  preset: PresetName | undefined;
  /** Of the preset `custom`. */
  presetSettings: PresetSettings | undefined;
};

/** Where it prints, and whether colours are seen there. */
export type Page = { write(text: string): unknown; colours: boolean };

/** Receives until SIGINT or SIGTERM, or until nobody reads what it prints, and ends the process. */
export async function receiveHere({
  key,
  ...options
}: Omit<ListenOptions, "keys"> & { key: string[] }) {
  const { stdout } = process;
  const page = {
    write: (text: string) => stdout.write(text),
    colours: stdout.isTTY && stdout.hasColors(),
  };
  const receiver = await startReceiver({ ...options, keys: key }, page, () => new Date());
  await aborted(AbortSignal.any([endSignal(), readerGone]));
  await receiver.close();
  process.exit();
}

/** Listens for deliveries and prints each. Answers where, and how to end it. Throws a StartError where it can't. */
async function startReceiver(
  options: ListenOptions,
  page: Page,
  now: () => Date,
): Promise<{ url: string; close(): Promise<void> }> {
  checkKeys(options);
  const { host, port } = options;
  const handle = (request: IncomingMessage, response: ServerResponse) => {
    answer(request, response, options, page, now).catch(() => response.destroy()); // the sender hung up
  };
  const server = await listen(handle, host, port, { host: "--host", port: "--port" });
  page.write(introduction(server.url, options));
  return { url: server.url, close: () => server.close() };
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  { status, ...expectation }: Expectation & { status: number },
  page: Page,
  now: () => Date,
): Promise<void> {
  if (request.method !== "POST") {
    response.writeHead(405, { Allow: "POST" }).end("Deliveries are POSTed here.\n");
    return;
  }
  const received = await receive(request, expectation, now);
  if (!received) {
    page.write("a body larger than any delivery's was refused with 413\n");
    response.writeHead(413, { Connection: "close" }).end(() => request.destroy());
    return;
  }
  page.write(printDelivery(received, { status, colours: page.colours }));
  response.writeHead(status).end();
}

function checkKeys({ keys, preset: name, presetSettings: settings }: ListenOptions): void {
  if ((name === "custom") !== (settings !== undefined))
    throw new UsageError("--preset custom and --preset-settings go together");
  if (name === undefined) return;
  const preset = findPreset({ preset: name, preset_settings: settings });
  for (const key of keys) {
    const wrong = preset?.checkKey(key) ?? null;
    if (wrong !== null) throw new UsageError(`--key: ${wrong}`);
  }
}

function introduction(url: string, { keys, preset, status }: ListenOptions): string {
  const form = preset === undefined ? "whatever the preset" : `as preset ${preset} signs`;
  const checks =
    keys.length === 0
      ? "Signatures are not checked; --key <key> checks them."
      : `Signatures are checked with ${keys.length === 1 ? "the key" : `${keys.length} keys`} given, ${form}.`;
  return `Receiving on ${url}/ and answering ${status}. ${checks} Ctrl+C ends it.\n\n`;
}
