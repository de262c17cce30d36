// What a tenant is on the wire: a name, and how it fares.
import { z } from "zod";

import { instant } from "../kernel/fields.ts";
import { pageInput, pageOverCells } from "../kernel/lists.ts";
import { request } from "../kernel/request.ts";
import { COUNTED_MAX } from "../store/tenants.ts";

export const listInput = request(pageInput).meta({ id: "ListTenantsRequest" });

const tenant = z
  .object({
    name: z.string(),
    webhooks: z.int().meta({ description: `Counted to ${COUNTED_MAX.webhooks}, and stays there.` }),
    backlog: z.int().meta({
      description: `Deliveries that are pending, held ones too; counted to ${COUNTED_MAX.backlog}, and stays there.`,
    }),
    oldest_due_at: instant.nullable().meta({
      description:
        "Since when the first of those waits that are due, and neither held nor in flight; null where none is. Of a tenant with more than 1,000 webhooks some are looked at.",
    }),
    dead_24h: z.int().meta({
      description:
        "Deliveries that ended as dead in the last 24 hours, to the whole hour before them; some seconds behind.",
    }),
  })
  .meta({ id: "Tenant" });

export const tenantPage = pageOverCells(tenant).meta({ id: "TenantPage" });

export type Tenant = z.output<typeof tenant>;
export type ListInput = z.output<typeof listInput>;
