// portal.*: the one definition of each operation on links into the portal.
import { ADMINS } from "../kernel/scopes.ts";
import * as portal from "../portal/operations.ts";
import * as schema from "../portal/schema.ts";
import { samples } from "./samples.ts";
import { openOperation, operation, router } from "./trpc.ts";

const { key, linkToken, webhook } = samples;
const return_url = "https://app.example.com/settings";

export const portalRouter = router({
  create_link: operation({
    summary: "Make a link into the portal",
    description:
      "A page for a customer to see and manage webhooks of one tenant, or some of them alone. The link opens once, and becomes a session that sees no keys, header values, workers, addresses, nor the service's own events. `keys.revoke` ends both.",
    scopes: ADMINS,
    errors: ["webhook_not_found"],
    whenUnsure: "make another: a link that nobody has is opened by nobody, and expires",
    request: { tenant: key.tenant, scope: "manage", webhook_ids: [webhook.id], return_url },
    response: {
      url: `https://hooks.example.com/dashboard/portal/#link=${linkToken}`,
      key_id: key.id,
      expires_at: "2026-01-31T12:10:00.000Z",
    },
  })
    .input(schema.createLinkInput)
    .output(schema.createdLink)
    .mutation(({ ctx, input }) => portal.createLink(ctx.portal, input)),

  exchange: openOperation({
    summary: "Open a link into the portal",
    description:
      "Needs no key: the link's token is one, for once. The same token with the same nonce gets the same session within a minute, since an answer can be lost; afterwards it is 401 `link_used`. A few a second from one address.",
    whenUnsure: "send it again with the same nonce, within a minute",
    request: { token: linkToken, nonce: "Zm9yIHRoZSBleGFtcGxlIG9ubHku" },
    response: {
      key: "phk_portal_ZGVmYXVsdA_Zm9yIHRoZSBleGFtcGxlIG9ubHku",
      key_id: key.id,
      scope: "manage",
      tenant: key.tenant,
      expires_at: "2026-01-31T13:00:00.000Z",
      return_url,
    },
  })
    .input(schema.exchangeInput)
    .output(schema.portalSession)
    .mutation(({ ctx, input }) => portal.exchange(ctx.portal, input)),
});
