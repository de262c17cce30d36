// A link into the portal, made for a customer by his host, and its exchange for a session.
import { createHmac, randomBytes } from "node:crypto";

import { invalid, PosthornError } from "../kernel/errors.ts";
import { formatId } from "../kernel/ids.ts";
import { keyText, linkText, tenantNamedBy } from "../store/keys.ts";
import { insertLink, openLink } from "../store/portal-links.ts";
import { wholeTenant } from "../store/reach.ts";
import type { TenantStore } from "../store/tenant.ts";
import { findWebhookIds } from "../store/webhooks.ts";
import { notFound as webhookNotFound } from "../webhooks/operations.ts";
import type { CreatedLink, CreateLinkInput, ExchangeInput, PortalSession } from "./schema.ts";

const TOKEN_BYTES = 24; // 192 bits, as a key has

/** `publicUrl` is where a browser finds this service. */
export type PortalContext = {
  db: TenantStore["db"];
  publicUrl: () => string;
  /** Set where there are several databases: the same, of the one where a tenant lives. */
  of?: (tenant: string) => Promise<PortalContext>;
};

export type ExchangeContext = Pick<TenantStore, "db" | "sealer"> & {
  /** Set where there are several databases: the same, of the one that a token names. */
  of?: (token: string) => Promise<ExchangeContext>;
};

/** Makes a link that opens the portal once. Its token stands behind the #, which browsers send to nobody. */
export async function createLink(
  context: PortalContext,
  input: CreateLinkInput,
): Promise<CreatedLink> {
  const { db, publicUrl } = (await context.of?.(input.tenant)) ?? context;
  const { tenant, scope, webhook_ids: ids, path, return_url: returnUrl } = input;
  const page = new URL("dashboard/portal/", withSlash(publicUrl()));
  if (returnUrl !== undefined) checkReturn(returnUrl, page.origin);
  const token = linkText(tenant, randomBytes(TOKEN_BYTES).toString("base64url"));
  const { keyId, until } = await insertLink(db, {
    token,
    tenant,
    scope,
    webhooks: ids === undefined ? null : await internalIds(db, tenant, ids),
    linkS: input.link_expires_in_s,
    sessionS: input.expires_in_s,
    returnUrl: returnUrl ?? null,
  });
  const fragment = new URLSearchParams({ link: token, ...(path !== undefined && { path }) });
  page.hash = fragment.toString();
  return { url: page.href, key_id: formatId("key", keyId), expires_at: until.toISOString() };
}

/**
 * Exchanges a link's token for a session, once. The key is made of the token and the nonce, so that it can be answered again
 * without being kept; by a secret of ours, so that nobody can make it who learns of both later.
 */
export async function exchange(
  context: ExchangeContext,
  { token, nonce }: ExchangeInput,
): Promise<PortalSession> {
  const { db, sealer } = (await context.of?.(token)) ?? context;
  const secret = createHmac("sha256", sealer.derive("portal sessions"))
    .update(JSON.stringify([token, nonce]))
    .digest("base64url");
  const key = keyText("portal", tenantNamedBy(token), secret);
  const opened = await openLink(db, { token, nonce, key });
  if (opened === "used")
    throw new PosthornError(
      "link_used",
      "this link was opened already, and opens once; ask for another where you got it",
    );
  if (!opened)
    throw new PosthornError(
      "unauthorized",
      "this link is not valid: it is unknown, expired or revoked; ask for another where you got it",
    );
  return {
    key,
    key_id: formatId("key", opened.key_id),
    scope: opened.scope as PortalSession["scope"],
    tenant: opened.tenant,
    expires_at: opened.expires_at.toISOString(),
    return_url: opened.return_url,
  };
}

async function internalIds(
  db: PortalContext["db"],
  tenant: string,
  ids: readonly string[],
): Promise<number[]> {
  const found = await findWebhookIds(db, wholeTenant(tenant), ids);
  const unknown = ids.find((id) => !found.has(id));
  if (unknown !== undefined) throw webhookNotFound(unknown);
  return [...found.values()].map(({ webhook_id }) => webhook_id);
}

function checkReturn(text: string, origin: string): void {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const isSafe = url && (url.protocol === "https:" || url.origin === origin);
  if (!isSafe || url.username !== "" || url.password !== "")
    throw invalid(
      "return_url",
      `an https: URL is needed, or one of ${origin}, without a user in it`,
    );
}

const withSlash = (url: string) => (url.endsWith("/") ? url : `${url}/`);
