// What a webhook is at, in a word that a person looks for.
import type { Paint } from "../terminal.ts";

type State = "unsubscribed" | "disabled" | "paused" | "failing" | "ok";

const STYLES = {
  unsubscribed: "dim",
  disabled: "red",
  paused: "yellow",
  failing: "red",
  ok: "green",
} as const;

/** What stands in its way before what merely is so. */
export function stateOf(webhook: { status: string; paused: boolean; health: string }): State {
  if (webhook.status === "Unsubscribed") return "unsubscribed";
  if (webhook.health === "disabled") return "disabled";
  if (webhook.paused) return "paused";
  return webhook.health === "failing" ? "failing" : "ok";
}

/** The state in its colour; `width` is what it is padded to. */
export function paintState(paint: Paint, state: State, width = 0): string {
  return paint(STYLES[state], state.padEnd(width));
}
