// What commands over the API have in common: options, the webhook that is meant, pages, and JSON lines.
import type { Command } from "commander";

import { printable } from "../kernel/printable.ts";
import type { Api, Client } from "./api.ts";
import { tenantName } from "./arguments.ts";
import { CommandError, EXIT } from "./exit.ts";
import type { Terminal } from "./terminal.ts";

/** The options of every command over the API. */
export type RemoteOptions = { tenant?: string; json?: true };

export type Webhook = Awaited<ReturnType<Client["webhooks"]["list"]["query"]>>["data"][number];

export const PAGE_SIZE = 200; // of every list: as many as there may be
const UUID = /^[\da-f]{8}-(?:[\da-f]{4}-){3}[\da-f]{12}$/i;

/** Makes a command one over the API: the options of all of these, and examples of its own. */
export function overApi(command: Command, examples: readonly string[]): Command {
  return command
    .option("--tenant <tenant>", "act for this tenant, with an admin key", tenantName)
    .option("--json", "print what the API answers, a line of JSON each")
    .addHelpText("after", exampleLines(examples))
    .addHelpText("after", "\nPOSTHORN_URL says where the service is, POSTHORN_KEY who asks.");
}

/** Examples as a help text has them. */
export function exampleLines(examples: readonly string[]): string {
  return `\nExamples:\n${examples.map((example) => `  $ ${example}`).join("\n")}`;
}

/** Prints one thing as a line of JSON. */
export function printJson({ out }: Terminal, value: unknown): void {
  out.write(`${JSON.stringify(value)}\n`);
}

/** The id of the webhook that is meant: by its id, its external id or its name, where one alone has that. */
export async function webhookIdOf(api: Api, meant: string): Promise<string> {
  if (UUID.test(meant)) return meant.toLowerCase();
  const { data } = await api(({ webhooks }, options) =>
    webhooks.list.query({ q: meant, page_size: PAGE_SIZE }, options),
  );
  const named = data.filter(({ name, external_id }) => external_id === meant || name === meant);
  const [only] = named;
  if (only && named.length === 1) return only.id;
  const what = JSON.stringify(printable(meant));
  throw new CommandError(
    EXIT.refused,
    only
      ? `${named.length} webhooks are called ${what}; give one's id: ${named.map(({ id }) => id).join(", ")}`
      : `no webhook has the id, the external id or the name ${what}; posthorn webhooks list shows those there are`,
  );
}

type Page<T> = { data: T[]; pagination_data: { next_cursor: string | null } };

/** Everything on all pages of a list, page by page, until it ends or `isEnough`. */
export async function* pages<T>(
  read: (page: { cursor?: string; page_size: number }) => Promise<Page<T>>,
): AsyncGenerator<T[]> {
  let cursor: string | null = null;
  do {
    const page: Page<T> = await read({ page_size: PAGE_SIZE, ...(cursor !== null && { cursor }) });
    yield page.data;
    cursor = page.pagination_data.next_cursor;
  } while (cursor !== null);
}
