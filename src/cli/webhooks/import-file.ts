// A file of subscriptions, read: each line with what it says, or with what is wrong with it. Pure.
import { createHash } from "node:crypto";

import { CsvError, parse as parseCsv } from "csv-parse/sync";

import { PosthornError } from "../../kernel/errors.ts";
import { inputOf } from "../../rpc/input.ts";
import { subscribeManyInput } from "../../webhooks/subscribe-many-schema.ts";

/** One webhook of webhooks.subscribe_many. */
export type Item = { id: string; external_id?: string | null } & Record<string, unknown>;

export type Line = { line: number; item: Item };
export type Fault = { line: number; message: string };

const input = inputOf(subscribeManyInput);
const LISTS = ["events", "channels"]; // in CSV also separated by ;
const OTHERS = [
  "headers",
  "metadata",
  "preset_settings",
  "retry_schedule_s",
  "timeout_ms",
  "rate_limit_per_s",
]; // JSON in CSV
const FLAGS = ["paused", "generate_signature_key"];

/** Reads NDJSON or CSV, whichever it begins as. No message repeats a value: it may be a key. */
export function readFileOf(text: string): { lines: Line[]; faults: Fault[] } {
  const content = text.replace(/^\uFEFF/, "");
  const rows = /^\s*\{/.test(content) ? jsonRows(content) : csvRows(content);
  const lines: Line[] = [];
  const faults: Fault[] = [];
  const seen = { id: new Map<string, number>(), external_id: new Map<string, number>() };
  for (const { line, read } of rows) {
    try {
      const item = withId(read());
      input.parse({ webhooks: [item] });
      for (const name of ["id", "external_id"] as const)
        refuseTwice(seen[name], item[name], name, line);
      lines.push({ line, item: item as Item });
    } catch (error) {
      faults.push(...messagesOf(error).map((message) => ({ line, message })));
    }
  }
  return { lines, faults };
}

type Row = { line: number; read: () => Record<string, unknown> };

class Unread extends Error {}

function jsonRows(text: string): Row[] {
  return text.split("\n").flatMap((line, index) => {
    if (line.trim() === "") return [];
    const read = () => {
      const value = parsed(line, "the line");
      if (typeof value === "object" && value !== null && !Array.isArray(value))
        return value as Record<string, unknown>;
      throw new Unread("is no object");
    };
    return [{ line: index + 1, read }];
  });
}

function csvRows(text: string): Row[] {
  try {
    const rows = parseCsv(text, {
      columns: (names: string[]) => names.map((name) => name.trim()),
      skip_empty_lines: true,
      info: true,
    }) as unknown as { record: Record<string, string>; info: { lines: number } }[];
    return rows.map(({ record, info }) => ({ line: info.lines, read: () => fromCells(record) }));
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    const { lines = 1 } = error as { lines?: number };
    const code = error.code.toLowerCase().replaceAll("_", " ");
    return [
      {
        line: lines,
        read: () => {
          throw new Unread(`can't be read as CSV: ${code}`);
        },
      },
    ];
  }
}

// An empty cell is a field that is left out.
function fromCells(record: Record<string, string>): Record<string, unknown> {
  const cells = Object.entries(record).filter(([, text]) => text !== "");
  return Object.fromEntries(cells.map(([name, text]) => [name, valueOf(name, text)]));
}

function valueOf(name: string, text: string): unknown {
  if (FLAGS.includes(name)) return text === "true" ? true : text === "false" ? false : text;
  if (OTHERS.includes(name)) return parsed(text, name);
  if (!LISTS.includes(name)) return text;
  return text.startsWith("[") ? parsed(text, name) : text.split(";").map((part) => part.trim());
}

function parsed(text: string, what: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw new Unread(`${what} is no JSON`);
  }
}

// The file may be imported again: what has no id gets the one that its external id always makes.
function withId(item: Record<string, unknown>): Record<string, unknown> & { id?: unknown } {
  if (typeof item["id"] === "string") return { ...item, id: item["id"].toLowerCase() };
  const { external_id } = item;
  if (typeof external_id !== "string" || external_id === "")
    throw new Unread(
      "id: a UUID is needed, or an external_id to make one of, so that it may be imported again",
    );
  const hex = createHash("sha256").update(`posthorn webhook ${external_id}`).digest("hex");
  const id = `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
  return { ...item, id };
}

function refuseTwice(seen: Map<string, number>, value: unknown, name: string, line: number): void {
  if (typeof value !== "string") return;
  const before = seen.get(value);
  if (before !== undefined) throw new Unread(`${name}: is that of line ${before}, too`);
  seen.set(value, line);
}

function messagesOf(error: unknown): string[] {
  if (error instanceof Unread) return [error.message];
  if (!(error instanceof PosthornError)) throw error;
  return (error.issues ?? []).map(({ path, message }) => {
    const field = path.replace(/^webhooks\.0\.?/, "");
    return field === "" ? message : `${field}: ${message}`;
  });
}
