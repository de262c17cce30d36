// `posthorn webhooks import`: subscriptions from a file; judged whole before anything is written.
import { readFileSync, statSync } from "node:fs";

import type { Command } from "commander";

import { openApi, type Api } from "../api.ts";
import { CommandError, EXIT, UsageError } from "../exit.ts";
import { overApi, printJson, type RemoteOptions } from "../remote.ts";
import type { Terminal } from "../terminal.ts";
import type { Fault, Line } from "./import-file.ts";

const FILE_BYTES_MAX = 256 * 1024 * 1024; // fifty thousand webhooks of five kilobytes
const BATCH = { items: 1_000, bytes: 8 * 1024 * 1024 }; // of one request: it takes 16 MiB
const ROUNDS_MAX = 5; // what is wrong shows in two steps, and a third shows what only the others hid

type Options = RemoteOptions & { dryRun?: true; skipBad?: true };

export function addImport(webhooks: Command, terminal: Terminal): void {
  overApi(
    webhooks
      .command("import")
      .description(
        "subscribe what a file lists: NDJSON or CSV with the fields of webhooks.subscribe",
      )
      .argument("<file>", "the file; each line has an id, or an external_id to make one of")
      .option("--dry-run", "only judge it, and tell each line's fault")
      .option("--skip-bad", "import the others where some lines are bad; without it, none"),
    [
      "posthorn webhooks import hooks.ndjson --dry-run",
      "posthorn webhooks import hooks.csv --skip-bad",
    ],
  ).action((file: string, options: Options) => importFile(terminal, file, options));
}

async function importFile(terminal: Terminal, file: string, options: Options): Promise<void> {
  const { dryRun, skipBad, json } = options;
  const api = await openApi(terminal, options);
  const { readFileOf } = await import("./import-file.ts");
  const read = readFileOf(textOf(file));
  const judged = await judgeAll(api, read.lines);
  const faults = [...read.faults, ...judged.faults].sort((a, b) => a.line - b.line);
  for (const { line, message } of faults) terminal.err.write(`line ${line}: ${message}\n`);
  const bad = new Set(faults.map(({ line }) => line)).size;
  if (bad > 0) terminal.exitCode = EXIT.found;
  if (bad > 0 && !skipBad && !dryRun)
    throw new CommandError(
      EXIT.found,
      `${linesOf(bad)} bad, so nothing was written; mend the file, or leave them out with --skip-bad`,
    );
  const end = dryRun ? judged.counts : await write(terminal, api, judged.good);
  if (json) return printJson(terminal, { ...end, bad, dry_run: dryRun === true });
  const would = dryRun ? "would be " : "";
  terminal.out.write(
    `${end.created} ${would}made, ${end.replaced} were there and ${dryRun ? "would be " : ""}as the file says, ${linesOf(bad)} bad.\n`,
  );
  if (end.generated > 0)
    terminal.err.write(
      `${end.generated} signature keys were generated, which nobody has seen: webhooks.rotate_key shows new ones.\n`,
    );
}

function linesOf(count: number): string {
  return count === 1 ? "1 line is" : `${count} lines are`;
}

function textOf(file: string): string {
  try {
    const { size } = statSync(file);
    if (size > FILE_BYTES_MAX)
      throw new UsageError(`file: at most 256 MiB are read at once; split it`);
    return readFileSync(file, "utf8");
  } catch (error) {
    if (error instanceof UsageError) throw error;
    throw new UsageError(`file: it can't be read: ${(error as Error).message}`);
  }
}

type Counts = { created: number; replaced: number; generated: number };

async function judgeAll(
  api: Api,
  lines: readonly Line[],
): Promise<{ good: Line[]; faults: Fault[]; counts: Counts }> {
  const good: Line[] = [];
  const faults: Fault[] = [];
  const counts = { created: 0, replaced: 0, generated: 0 };
  for (const batch of batches(lines)) {
    let left = batch;
    for (let round = 0; left.length > 0; round++) {
      const outcome = await send(api, left, true).catch((error: unknown) => faultsOf(error, left));
      if (!Array.isArray(outcome)) {
        counts.created += outcome.created;
        counts.replaced += outcome.replaced;
        break;
      }
      faults.push(...outcome);
      const bad = new Set(outcome.map(({ line }) => line));
      left = left.filter(({ line }) => !bad.has(line));
      if (round === ROUNDS_MAX) throw new Error("each time other lines are refused");
    }
    good.push(...left);
  }
  return { good, faults, counts };
}

// Throws what is no fault of certain lines, like a tenant that has too many webhooks.
function faultsOf(error: unknown, lines: readonly Line[]): Fault[] {
  const faults = issuesOf(error).flatMap(({ path, message }) => {
    const [, index, field = ""] = /^webhooks\.(\d+)\.?(.*)$/.exec(path) ?? [];
    const line = index === undefined ? undefined : lines[Number(index)]?.line;
    return line === undefined
      ? []
      : [{ line, message: field === "" ? message : `${field}: ${message}` }];
  });
  if (faults.length === 0) throw error;
  return faults;
}

function issuesOf(error: unknown): { path: string; message: string }[] {
  const { cause } = Object(error) as {
    cause?: { data?: { issues?: { path: string; message: string }[] } };
  };
  return cause?.data?.issues ?? [];
}

// Sent again after a break, what was written is there already and stays as it is.
async function write(terminal: Terminal, api: Api, lines: readonly Line[]): Promise<Counts> {
  const counts = { created: 0, replaced: 0, generated: 0 };
  let done = 0;
  for (const batch of batches(lines)) {
    const { created, replaced, data } = await send(api, batch, false);
    counts.created += created;
    counts.replaced += replaced;
    counts.generated += data.filter(({ signature_key: key }) => key !== undefined).length;
    done += batch.length;
    if (terminal.err.isTTY)
      terminal.err.write(`\r${done} of ${lines.length}${done === lines.length ? "\n" : ""}`);
  }
  return counts;
}

function send(api: Api, lines: readonly Line[], isDryRun: boolean) {
  const webhooks = lines.map(({ item }) => item) as never; // judged by the schema, line by line
  return api((client, call) =>
    client.webhooks.subscribe_many.mutate({ webhooks, dry_run: isDryRun }, call),
  );
}

function* batches(lines: readonly Line[]): Generator<Line[]> {
  let batch: Line[] = [];
  let bytes = 0;
  for (const line of lines) {
    const size = Buffer.byteLength(JSON.stringify(line.item));
    if (batch.length === BATCH.items || (batch.length > 0 && bytes + size > BATCH.bytes)) {
      yield batch;
      [batch, bytes] = [[], 0];
    }
    batch.push(line);
    bytes += size;
  }
  if (batch.length > 0) yield batch;
}
