// A received delivery as a person reads it: pure.
import { styleText } from "node:util";

import { depthExceeds } from "../kernel/json.ts";
import { printable } from "../kernel/printable.ts";
import { PRESETS, type Preset } from "../presets/index.ts";
import type { Received, Verdict } from "./receive.ts";

const LINES_MAX = 40; // a screen; what is longer is read in deliveries.info
const LINE_LENGTH_MAX = 400;
const DEPTH_MAX = 50; // indented further, a small payload prints as megabytes

type Style = Parameters<typeof styleText>[0];
type Paint = (style: Style, text: string) => string;

/** Tells of a delivery and of the status it was answered with, in lines; with colours only where `colours` says so. */
export function printDelivery(
  { headers, body, verdict, at }: Received,
  { status, colours }: { status: number; colours: boolean },
): string {
  // Whether there is a terminal is the caller's to know.
  const paint: Paint = (style, text) =>
    colours ? styleText(style, text, { validateStream: false }) : text;
  const { type, payload } = open(body);
  const id = printable(textOf(headers["webhook-id"]) ?? "without Webhook-Id");
  const attempt = printable(textOf(headers["webhook-attempt"]) ?? "?");
  const head = [
    paint("dim", at.toTimeString().slice(0, "00:00:00".length)),
    sign(verdict, paint),
    paint("bold", id),
    printable(type ?? "of no known type"),
    paint("dim", `attempt ${attempt}, answered ${status}`),
  ];
  const lines = [head.join("  "), ...reason(verdict, paint), ...bounded(payload)];
  return `${lines.join("\n")}\n`;
}

function sign(verdict: Verdict, paint: Paint): string {
  switch (verdict.kind) {
    case "verified":
      return paint("green", "✓ verified");
    case "refused":
      return paint("red", "✗ not verified");
    case "unchecked":
      return paint("yellow", "not checked");
    default:
      return verdict satisfies never;
  }
}

function reason(verdict: Verdict, paint: Paint): string[] {
  if (verdict.kind !== "refused") return [];
  return [paint("red", `  ${verdict.code}: ${printable(verdict.message)}`)];
}

// Whatever the preset, and whether it is genuine or not: it is only shown.
function open(body: Buffer): { type: string | undefined; payload: string } {
  const text = body.toString("utf8");
  const value = parse(text);
  if (value === undefined || depthExceeds(value, DEPTH_MAX))
    return { type: undefined, payload: text };
  for (const preset of Object.values<Preset>(PRESETS)) {
    const event = preset.open(value);
    if (event)
      return { type: event.type ?? undefined, payload: JSON.stringify(event.payload, null, 2) };
  }
  return { type: undefined, payload: JSON.stringify(value, null, 2) };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

function bounded(text: string): string[] {
  const lines = text === "" ? ["(an empty body)"] : text.split("\n");
  const shown = lines.slice(0, LINES_MAX).map((line) => `  ${printable(line, LINE_LENGTH_MAX)}`);
  const more = lines.length - shown.length;
  return more > 0 ? [...shown, `  … and ${more} more lines`] : shown;
}

function textOf(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value.join(", ") : value;
}
