// A webhook as a word: how it stands.
import type { Output, Row } from "../../api/operations.ts";

export type ListedWebhook = Row<"webhooks.list">;
export type WebhookInfo = Output<"webhooks.info">;

type Standing = Pick<WebhookInfo, "status" | "paused" | "health" | "resting_until">;

/** The one word that matters most: what ends or holds its deliveries goes before how they fare. */
export function standingOf({ status, paused, health, resting_until }: Standing): string {
  if (status === "Unsubscribed") return "unsubscribed";
  if (health === "disabled") return "disabled";
  if (paused) return "paused";
  if (resting_until !== null) return "resting";
  return health;
}

/** What it is called: its name, or else its URL's host. */
export function calledOf({ name, url }: Pick<WebhookInfo, "name" | "url">): string {
  if (name) return name;
  return URL.canParse(url) ? new URL(url).host : url;
}
