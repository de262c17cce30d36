// What a link into the portal takes, and what a session is on the wire.
import { z } from "zod";

import { instant, plainText, tenantInput, webhookIdInput } from "../kernel/fields.ts";
import { request } from "../kernel/request.ts";

const WEBHOOKS_MAX = 100; // each list of a session asks an index for each of them
const PATH_MAX = 500;
const URL_MAX = 2_048;
const LEAST_S = 60;
const WEEK_S = 7 * 24 * 3_600; // whom a customer's page shows it for longer makes another
const LINK_S = 10 * 60;
const SESSION_S = 3_600;

const scope = z.enum(["manage", "read"]);
const seconds = z.int().min(LEAST_S).max(WEEK_S);

export const createLinkInput = request({
  tenant: tenantInput,
  scope,
  webhook_ids: z.array(webhookIdInput).min(1).max(WEBHOOKS_MAX).optional().meta({
    description:
      "The webhooks that the session sees alone, with the events that have a delivery to one of them; left out, all of the tenant.",
  }),
  expires_in_s: seconds.default(SESSION_S).meta({
    description: "How long the session lasts from when the link is opened; an hour unless given.",
  }),
  link_expires_in_s: seconds
    .default(LINK_S)
    .meta({ description: "For how long the link can be opened, once; ten minutes unless given." }),
  path: plainText(PATH_MAX)
    .regex(/^\/[^\s~]*$/, "a path within the page is needed, like /webhooks")
    .optional()
    .meta({ description: "Where in the page it leads: what stands behind the # there." }),
  return_url: plainText(URL_MAX).optional().meta({
    description:
      "Where the page leads back to when the session has ended: https, or of this service's own origin.",
  }),
}).meta({ id: "CreateLinkRequest" });

export const createdLink = z
  .object({
    url: z.string().meta({
      description: "The link, with its token behind the #, where no log has it. It opens once.",
    }),
    key_id: z
      .string()
      .meta({ description: "What `keys.revoke` ends the link, or its session, by." }),
    expires_at: instant.meta({ description: "Until when it can be opened." }),
  })
  .meta({ id: "CreatedLink" });

export const exchangeInput = request({
  token: plainText(200)
    .min(1)
    .meta({ description: "What stands behind the # of the link as `link`." }),
  nonce: z
    .string()
    .regex(
      /^[A-Za-z0-9_-]{22,128}$/,
      "22 to 128 of A-Z, a-z, 0-9, _ and - are needed, drawn at random",
    )
    .meta({
      description:
        "Drawn by whoever opens the link, at random: by it the same one may ask again within a minute.",
    }),
}).meta({ id: "ExchangeRequest" });

export const portalSession = z
  .object({
    key: z.string().meta({ description: "An API key, to be held in memory." }),
    key_id: z.string(),
    scope,
    tenant: z.string(),
    expires_at: instant,
    return_url: z.string().nullable(),
  })
  .meta({ id: "PortalSession" });

export type CreateLinkInput = z.output<typeof createLinkInput>;
export type CreatedLink = z.output<typeof createdLink>;
export type ExchangeInput = z.output<typeof exchangeInput>;
export type PortalSession = z.output<typeof portalSession>;
