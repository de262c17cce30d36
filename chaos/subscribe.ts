// The webhooks of a tenant of a world, each with a channel of its own.
import type { Inbox } from "./inbox.ts";

export type Subscribing = {
  apiUrl: string;
  adminKey: string;
  tenant: string;
  signatureKey: string;
  count: number;
  retryScheduleS: readonly number[];
  order: "channel" | "webhook" | undefined;
};

/** Subscribes them, to paths of the receiver that begin with their tenant. */
export async function subscribe({ url }: Inbox, subscribing: Subscribing): Promise<void> {
  const { apiUrl, adminKey, tenant, signatureKey, count, retryScheduleS, order } = subscribing;
  for (let n = 0; n < count; n++) {
    const answer = await fetch(`${apiUrl}/webhooks.subscribe`, {
      method: "POST",
      headers: {
        authorization: `Bearer ${adminKey}`,
        "content-type": "application/json",
        "x-tenant": tenant,
      },
      body: JSON.stringify({
        url: `${url}${tenant}/${n}`,
        preset: "standard",
        signature_key: signatureKey,
        channels: [String(n)],
        retry_schedule_s: retryScheduleS,
        order,
        timeout_ms: 30_000, // on a crowded machine the receiver is slow, too, and a timeout would look like our repeat
      }),
    });
    if (!answer.ok) throw new Error(`webhooks.subscribe: ${await answer.text()}`);
  }
}
