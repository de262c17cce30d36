// tenants.*: the one definition of each operation on tenants.
import { ADMINS } from "../kernel/scopes.ts";
import * as tenants from "../tenants/operations.ts";
import * as schema from "../tenants/schema.ts";
import { samples } from "./samples.ts";
import { operation, router } from "./trpc.ts";

const { key, page } = samples;

export const tenantsRouter = router({
  list: operation({
    summary: "List tenants",
    description:
      "By name, each with how it fares. A tenant exists by being named: listed are those that have a webhook, a key, an event type of their own, a role that publishes by SQL, or an event of today or yesterday.",
    scopes: ADMINS,
    reads: "standby",
    request: { page_size: 50 },
    response: page({
      name: key.tenant,
      webhooks: 12,
      backlog: 3,
      oldest_due_at: "2026-01-31T12:00:05.000Z",
      dead_24h: 1,
    }),
  })
    .input(schema.listInput.prefault({}))
    .output(schema.tenantPage)
    .query(({ ctx, input }) => tenants.list(ctx.tenants, input)),
});
