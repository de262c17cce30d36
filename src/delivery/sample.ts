// A sample of an event, sent as a delivery would send it, once: nothing of it is stored.
import type { Log } from "../kernel/log.ts";
import type { EventToSend } from "../store/events-to-send.ts";
import type { Sealer } from "../database/sealed.ts";
import type { AttemptRecord } from "../queue/settle.ts";
import type { WebhookRow } from "../store/webhooks.ts";
import { echoesOf } from "./echoes.ts";
import { recordOf } from "./record.ts";
import { attempt, type SendContext } from "./send.ts";
import { openTarget } from "./target.ts";

export type SampleContext = Pick<SendContext, "egress" | "http" | "worker"> & {
  sealer: Sealer;
  log: Log;
};

/** Makes one attempt at `sentAt`, paused or not, and answers its record. Never throws. */
export async function sendSample(
  context: SampleContext,
  webhook: WebhookRow,
  event: EventToSend,
  sentAt: Date,
): Promise<AttemptRecord> {
  const { worker, sealer, log } = context;
  const facts = { number: 1, sentAt, now: () => sentAt };
  const target = openTarget(webhook, sealer, log);
  const { outcome, signature, ...made } = await attempt(context, target, event, facts);
  const secrets = echoesOf(target.secrets, signature);
  return recordOf(outcome, { ...made, number: 1, startedAt: sentAt, worker, secrets });
}
