// keys.*: the one definition of each operation on API keys.
import { ADMINS } from "../kernel/scopes.ts";
import * as keys from "../keys/operations.ts";
import * as schema from "../keys/schema.ts";
import { samples } from "./samples.ts";
import { operation, router } from "./trpc.ts";

const { key, page } = samples;
const { name, scope, tenant, expires_at } = key;

export const keysRouter = router({
  create: operation({
    summary: "Make an API key",
    description: "The answer shows the key, this once; only its SHA-256 is kept.",
    scopes: ADMINS,
    errors: ["idempotency_conflict"],
    whenUnsure:
      "with the same idempotency_key send it again, and the answer shows the key; else keys.list shows whether there is one that nobody has seen: revoke it, and make another",
    request: { name, scope, tenant, expires_at },
    response: { ...key, key: "phk_publish_ZGVmYXVsdA_Zm9yIHRoZSBleGFtcGxlIG9ubHku" },
  })
    .input(schema.createInput)
    .output(schema.createdKey)
    .mutation(({ ctx, input }) => keys.create(ctx.keys, input)),

  list: operation({
    summary: "List API keys",
    description:
      "Newest first, of every tenant, the expired and revoked too. Never the keys themselves. `POSTHORN_ADMIN_KEY` is a setting and not among them.",
    scopes: ADMINS,
    reads: "standby",
    request: { tenant },
    response: page(key),
  })
    .input(schema.listInput.prefault({}))
    .output(schema.keyPage)
    .query(({ ctx, input }) => keys.list(ctx.keys, input)),

  revoke: operation({
    summary: "End an API key",
    description: "Every process refuses it from now on. A second revoke changes nothing.",
    scopes: ADMINS,
    errors: ["key_not_found"],
    request: { id: key.id },
    response: {
      ...key,
      revoked_at: "2026-02-01T09:00:00.000Z",
      last_used_at: "2026-02-01T08:59:30.000Z",
    },
  })
    .input(schema.keyIdInput)
    .output(schema.apiKey)
    .mutation(({ ctx, input }) => keys.revoke(ctx.keys, input.id)),
});
