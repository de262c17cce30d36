// What an API key is on the wire, and what making one takes.
import { z } from "zod";

import {
  idInput,
  instant,
  instantInput,
  makersKey,
  plainText,
  tenantInput,
  trimmed,
} from "../kernel/fields.ts";
import { pageInput, pageOverCells } from "../kernel/lists.ts";
import { request } from "../kernel/request.ts";
import { KEY_SCOPES } from "../kernel/scopes.ts";

const NAME_MAX = 200;

const name = trimmed(plainText(NAME_MAX))
  .refine((text) => text.trim() !== "", "a name is needed: what the key is for")
  .meta({ description: "What it is for." });
const scope = z.enum(KEY_SCOPES);

export const createInput = request({
  name,
  scope,
  tenant: tenantInput.optional().meta({
    description:
      "The tenant it belongs to; that of the request (`X-Tenant`) unless given. An `admin` key has every tenant, a `metrics` key none.",
  }),
  expires_at: instantInput
    .nullable()
    .optional()
    .meta({ description: "From when on it is refused, in the future; never, unless given." }),
  idempotency_key: makersKey,
}).meta({ id: "CreateKeyRequest" });

export const keyIdInput = request({ id: idInput("key") }).meta({ id: "KeyId" });

export const listInput = request({
  tenant: tenantInput.optional(),
  scope: scope.optional(),
  ...pageInput,
}).meta({ id: "ListKeysRequest" });

export const apiKey = z
  .object({
    id: z.string(),
    name: z.string(),
    scope,
    tenant: z.string().nullable().meta({
      description:
        "null: of an `admin` key, which has every tenant, or a `metrics` key, which has none.",
    }),
    expires_at: instant.nullable(),
    created_at: instant,
    revoked_at: instant.nullable(),
    last_used_at: instant.nullable().meta({
      description:
        "When a request with it was last let in, to the minute; null where none was yet.",
    }),
    is_portal: z.boolean().meta({
      description: "Whether it is a link into the portal, or the session that one became.",
    }),
  })
  .meta({ id: "Key" });

/** A key as the answer that made it: the only one that shows it. */
export const createdKey = apiKey
  .extend({ key: z.string().meta({ description: "The key itself. It is shown this once." }) })
  .meta({ id: "CreatedKey" });

export const keyPage = pageOverCells(apiKey).meta({ id: "KeyPage" });

export type CreateInput = z.output<typeof createInput>;
export type ListInput = z.output<typeof listInput>;
export type ApiKey = z.output<typeof apiKey>;
