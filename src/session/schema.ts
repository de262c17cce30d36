// What a session is on the wire: who asks, and how the service is set.
import { z } from "zod";

import { instant } from "../kernel/fields.ts";
import { request } from "../kernel/request.ts";
import { KEY_SCOPES } from "../kernel/scopes.ts";
import { PRESET_NAMES } from "../presets/index.ts";
import { LIMITS } from "../webhooks/limits.ts";

export const infoInput = request({}).meta({ id: "SessionInfoRequest" });

const presetRules = z
  .object({
    name: z.enum(PRESET_NAMES),
    retry_schedule_s: z.array(z.int()).meta({
      description: "Waits after the first, second, … failure; after the last it is dead.",
    }),
    timeout_ms: z.int(),
    https_only: z.boolean().meta({ description: "Whether plain http is refused, as set here." }),
    success: z.enum(["2xx", "200"]).meta({ description: "What counts as delivered." }),
    generates_key: z
      .boolean()
      .meta({ description: "Whether it needs a key, so that one is made where none is given." }),
    key_overlap: z
      .boolean()
      .meta({ description: "Whether an old key can sign beside the new one." }),
  })
  .meta({ id: "PresetRules" });

const limits = z
  .object({
    webhooks: z.int().meta({ description: "Of one tenant." }),
    ...(Object.fromEntries(Object.keys(LIMITS).map((name) => [name, z.int()])) as Record<
      keyof typeof LIMITS,
      z.ZodInt
    >),
  })
  .meta({
    id: "Limits",
    description:
      "What a webhook's fields may hold: characters of a text, entries of a list (`filter`: of `events` and of `channels`).",
  });

const settings = z
  .object({
    retention_d: z.int(),
    payload_retention_d: z.int(),
    idempotency_h: z.int(),
    hold_h: z.int(),
    disable_after_h: z.int().meta({ description: "0: never." }),
    unknown_types: z.enum(["reject", "accept"]),
    presets: z.array(presetRules).meta({ description: "The default first." }),
    limits,
  })
  .meta({ id: "SessionSettings" });

export const session = z
  .object({
    scope: z.enum(KEY_SCOPES),
    tenant: z.string().meta({ description: "Whose things the other operations show." }),
    is_bound: z.boolean().meta({
      description: "Whether the key has this tenant alone; else `X-Tenant` names another.",
    }),
    portal: z
      .object({
        webhook_ids: z.array(z.uuid()).nullable().meta({
          description: "The webhooks that alone it sees; null: all of the tenant.",
        }),
      })
      .nullable()
      .meta({ description: "Null where this is no portal's session." }),
    key: z
      .object({
        id: z.string().nullable().meta({ description: "null: it is POSTHORN_ADMIN_KEY." }),
        name: z.string(),
        expires_at: instant.nullable(),
      })
      .meta({ id: "SessionKey" }),
    now: instant.meta({ description: "By the database's clock, which every time here goes by." }),
    version: z.string(),
    sending_held: z.enum(["paused", "other_installation"]).nullable().meta({
      description:
        "Why nothing is sent to anybody, though deliveries are made and held: `paused` by `posthorn pause-all`, or the database is of another installation, as a copy's is. Null: it is sent, or the tenant's cell is away.",
    }),
    settings,
    cell: z.string().optional().meta({
      description: "Told admins where there are several: the cell that the tenant lives in.",
    }),
    away: z.array(z.string()).optional().meta({
      description:
        "Told admins: the cells that did not answer, so that calls for their tenants are answered 503. Left out where all did.",
    }),
  })
  .meta({ id: "Session" });

export type Session = z.output<typeof session>;
export type Rules = z.output<typeof settings>;
