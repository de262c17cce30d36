// Webhooks as they are read: page by page, and one with what has become of its deliveries.
import { readPage } from "../kernel/lists.ts";
import { withResting } from "../store/webhook-states.ts";
import { findWebhook, listWebhooks, readCounters } from "../store/webhooks.ts";
import { notFound, type WebhooksContext } from "./operations.ts";
import { presentWebhook } from "./present.ts";
import type { ListInput, WebhookInfo } from "./schema.ts";

type ReadContext = Pick<WebhooksContext, "store" | "scope">;

export function list(context: ReadContext, input: ListInput) {
  const { store, scope } = context;
  const { cursor, page_size, ...filter } = input;
  return readPage(
    store,
    { tenant: store.tenant, list: "webhooks", filter },
    { cursor, page_size },
    ({ after, limit, bytesMax }) =>
      store.share(async () => {
        const rows = await listWebhooks(store.db, store.tenant, {
          ...filter,
          after: after === null ? null : positionOf(after),
          limit,
          bytesMax,
        });
        return withResting(store.db, rows);
      }),
    (row) => `${row.created_us} ${row.webhook_id}`,
    (row) => presentWebhook(store, scope, row),
  );
}

function positionOf(cursor: string) {
  const [created_us = 0, webhook_id = 0] = cursor.split(" ").map(Number);
  return { created_us, webhook_id };
}

/** The webhook with what has become of its deliveries. */
export async function info(context: ReadContext, id: string): Promise<WebhookInfo> {
  const { store, scope } = context;
  const row = await findWebhook(store.db, store.tenant, id);
  if (!row) throw notFound(id);
  const counters = await readCounters(store.db, row.webhook_id);
  const [shown = row] = await withResting(store.db, [row]);
  return {
    ...presentWebhook(store, scope, shown),
    counters: {
      ...counters,
      last_success_at: counters.last_success_at?.toISOString() ?? null,
      last_failure_at: counters.last_failure_at?.toISOString() ?? null,
    },
  };
}
