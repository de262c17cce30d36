// stats.*: the one definition of each operation on statistics.
import { READERS } from "../kernel/scopes.ts";
import * as stats from "../stats/operations.ts";
import * as schema from "../stats/schema.ts";
import { samples } from "./samples.ts";
import { operation, router } from "./trpc.ts";

const { webhook } = samples;
const { frame, totals, bucket, point } = samples.stats;

const OF_ONE =
  "For an admin's `X-Tenant: *` it is looked for in all tenants; of an id that several have, it is the first one's by name.";

const ANSWERS =
  "Counts and latencies by bucket of time, those alone in which something ended, some seconds behind.";

export const statsRouter = router({
  overview: operation({
    summary: "Statistics of the tenant",
    description: `${ANSWERS} Of all webhooks, those deleted since too; of all tenants for an admin's \`X-Tenant: *\`.`,
    scopes: READERS,
    reads: "standby",
    inPortal: "any",
    request: { since: frame.since, bucket_s: frame.bucket_s },
    response: { ...frame, totals, buckets: [bucket] },
  })
    .input(schema.overviewInput.prefault({}))
    .output(schema.stats)
    .query(({ ctx, input }) => stats.overview(ctx.stats, input)),

  webhook: operation({
    summary: "Statistics of a webhook",
    description: `${ANSWERS} ${OF_ONE}`,
    scopes: READERS,
    reads: "standby",
    inPortal: "any",
    errors: ["webhook_not_found"],
    request: { id: webhook.id, since: frame.since, bucket_s: frame.bucket_s },
    response: { ...frame, totals, buckets: [bucket] },
  })
    .input(schema.webhookInput)
    .output(schema.webhookStats)
    .query(({ ctx, input }) => stats.webhook(ctx.stats, input)),

  webhooks: operation({
    summary: "Statistics of a page of webhooks",
    description: `${ANSWERS} In one call for up to 200: with many, fewer buckets of each. ${OF_ONE}`,
    scopes: READERS,
    reads: "standby",
    inPortal: "any",
    request: { ids: [webhook.id], since: frame.since, bucket_s: frame.bucket_s },
    response: { ...frame, data: [{ id: webhook.id, totals, buckets: [point] }] },
  })
    .input(schema.webhooksInput)
    .output(schema.webhooksStats)
    .query(({ ctx, input }) => stats.webhooks(ctx.stats, input)),
});
