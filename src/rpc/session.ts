// session.*: the one definition of each operation on who asks.
import { VERSION } from "../kernel/version.ts";
import { READERS } from "../kernel/scopes.ts";
import * as session from "../session/operations.ts";
import { readRules } from "../session/rules.ts";
import * as schema from "../session/schema.ts";
import { samples } from "./samples.ts";
import { operation, router } from "./trpc.ts";

const { key } = samples;

export const sessionRouter = router({
  info: operation({
    summary: "Show who asks",
    description:
      "What the key may do and for which tenant, the service's time and version, and those of its settings that a page shows.",
    scopes: READERS,
    inPortal: "any",
    request: {},
    response: {
      scope: "read",
      tenant: key.tenant,
      is_bound: true,
      portal: null,
      key: { id: key.id, name: key.name, expires_at: key.expires_at },
      now: "2026-01-31T12:00:00.000Z",
      version: VERSION,
      sending_held: null,
      settings: readRules({
        POSTHORN_RETENTION_D: 30,
        POSTHORN_PAYLOAD_RETENTION_D: 30,
        POSTHORN_IDEMPOTENCY_H: 72,
        POSTHORN_HOLD_H: 168,
        POSTHORN_DISABLE_AFTER_H: 120,
        POSTHORN_UNKNOWN_TYPES: "reject",
        POSTHORN_WEBHOOKS_MAX: 100_000,
        POSTHORN_HTTP: "preset",
      }),
    },
  })
    .input(schema.infoInput.prefault({}))
    .output(schema.session)
    .query(({ ctx }) => session.info(ctx.session)),
});
