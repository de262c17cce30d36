// Webhooks as they are read: page by page, and one with what has become of its deliveries.
import { readPage } from "../kernel/lists.ts";
import { tellTenant } from "../store/reach.ts";
import { withResting } from "../store/webhook-states.ts";
import { listWebhooks, WELL, type ListedWebhook } from "../store/webhook-list.ts";
import { readRecent, type RecentCounts } from "../store/webhook-recent.ts";
import { readCounters } from "../store/webhook-counters.ts";
import { findWebhook } from "../store/webhooks.ts";
import { notFound, type WebhooksContext } from "./operations.ts";
import { presentWebhook } from "./present.ts";
import type { ListInput, WebhookInfo } from "./schema.ts";

const PLACE_DIGITS = String(Number.MAX_SAFE_INTEGER).length;

type ReadContext = Pick<WebhooksContext, "store" | "scope">;

/** A page of webhooks, each with what became of its deliveries of late where that is asked for. */
export function list(context: ReadContext, input: ListInput) {
  const { store, scope } = context;
  const { cursor, page_size, with_counts, ...filter } = input;
  const { sort, ...conditions } = filter;
  return readPage(
    store,
    { tenant: store.tenant, list: "webhooks", filter },
    { cursor, page_size },
    ({ after, limit, bytesMax }) =>
      store.share(async () => {
        const rows = await listWebhooks(store.db, store.reach, {
          ...conditions,
          troubleFirst: sort === "trouble",
          after: after === null ? null : positionOf(after),
          limit,
          bytesMax,
        });
        const resting = await withResting(store.db, rows);
        if (!with_counts) return resting;
        const counts = await readRecent(store.db, rows);
        return resting.map((row) => ({ ...row, counts: counts.get(row.webhook_id) }));
      }),
    placeOf,
    ({ counts, ...row }: ListedRow) => ({
      ...presentWebhook(store, scope, row),
      ...tellTenant(store.reach, row),
      ...(counts && {
        counts: { ...counts, last_success_at: counts.last_success_at?.toISOString() ?? null },
      }),
    }),
  );
}

type ListedRow = ListedWebhook & { resting_until: Date | null; counts?: RecentCounts | undefined };

// Of one width, so that places fall as texts do: those in trouble first, then the newest.
function placeOf({ trouble, created_us, webhook_id }: ListedRow): string {
  return [WELL - trouble, created_us, webhook_id]
    .map((number) => String(number).padStart(PLACE_DIGITS, "0"))
    .join(" ");
}

function positionOf(place: string) {
  const [fromWell = 0, created_us = 0, webhook_id = 0] = place.split(" ").map(Number);
  return { trouble: WELL - fromWell, created_us, webhook_id };
}

/** The webhook with what has become of its deliveries. */
export async function info(context: ReadContext, id: string): Promise<WebhookInfo> {
  const { store, scope } = context;
  const row = await findWebhook(store.db, store.reach, id);
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
