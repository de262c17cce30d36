// Times: how long ago by the service's clock, or as the clock on the wall shows them, with the zone; UTC on hover, and ISO
// where one is copied.
import type { ClipboardEvent } from "react";

import { useNow } from "../api/clock.ts";

const relative = new Intl.RelativeTimeFormat("en", { numeric: "always", style: "short" });
const local = new Intl.DateTimeFormat(undefined, {
  dateStyle: "medium",
  timeStyle: "long", // with the zone's name
});
const precise = new Intl.DateTimeFormat(undefined, {
  year: "numeric",
  month: "short",
  day: "numeric",
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  fractionalSecondDigits: 3,
  timeZoneName: "short",
});

const UNITS: [Intl.RelativeTimeFormatUnit, number][] = [
  ["day", 86_400],
  ["hour", 3_600],
  ["minute", 60],
  ["second", 1],
];

/** "3 sec. ago"; what was is never ahead, and what is to come never behind, though clocks differ. */
function ago(at: string, now: number, isComing = false): string {
  const seconds = (Date.parse(at) - now) / 1_000;
  const size = isComing ? Math.max(0, seconds) : Math.max(0, -seconds);
  if (size < 1) return "now";
  const [unit, length] = UNITS.find(([, each]) => size >= each) ?? UNITS[3] ?? ["second", 1];
  return relative.format(Math.floor(size / length) * (isComing ? 1 : -1), unit);
}

/** A time as the clock on the wall shows it, with the zone. */
export function onTheWall(at: string, { withMs = false } = {}): string {
  return (withMs ? precise : local).format(new Date(at));
}

export type TimeProps = {
  at: string;
  /** How long ago; as the clock shows it; with milliseconds. */
  as?: "ago" | "clock" | "precise";
  /** It lies ahead, like the next attempt. */
  isComing?: boolean;
};

/** Shows a time. */
export function Time({ at, as = "ago", isComing = false }: TimeProps) {
  const now = useNow();
  const text = as === "ago" ? ago(at, now, isComing) : onTheWall(at, { withMs: as === "precise" });
  return (
    <time
      dateTime={at}
      title={as === "ago" ? `${onTheWall(at)} · ${at} (UTC)` : `${at} (UTC)`}
      onCopy={(event) => copyIso(event, at)}
    >
      {text}
    </time>
  );
}

function copyIso(event: ClipboardEvent, at: string): void {
  event.clipboardData.setData("text/plain", at);
  event.preventDefault();
}

/** "310 ms", "4.2 s": how long something took. */
export function duration(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1_000).toFixed(1)} s`;
  return span(ms / 1_000);
}

/** "5 s", "2 min", "12 h", "3 d": a wait. */
export function span(seconds: number): string {
  for (const [unit, length] of [
    ["d", 86_400],
    ["h", 3_600],
    ["min", 60],
  ] as const)
    if (seconds >= length) return `${Number((seconds / length).toFixed(1))} ${unit}`;
  return `${Math.round(seconds)} s`;
}
