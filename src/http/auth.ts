// Who calls: the API key of a request, and the tenant that it acts for.
import type { IncomingHttpHeaders } from "node:http";

import { invalid, PosthornError } from "../kernel/errors.ts";
import { ALL_TENANTS, TENANT_PATTERN } from "../kernel/fields.ts";
import type { FindKey, KnownKey } from "../kernel/scopes.ts";
import type { Caller } from "../rpc/trpc.ts";

const DEFAULT_TENANT = "default";

/**
 * Answers the caller, or throws the 401 or 403. A key comes as `Authorization: Bearer KEY` or as `X-API-Key: KEY`,
 * never in the URL; an admin's request chooses its tenant by `X-Tenant`.
 */
export async function authenticate(
  headers: IncomingHttpHeaders,
  findKey: FindKey,
): Promise<Caller> {
  const given = bearer(headers.authorization) ?? single(headers["x-api-key"]);
  if (given === undefined)
    throw new PosthornError(
      "unauthorized",
      "an API key is needed: send Authorization: Bearer KEY, or X-API-Key: KEY",
    );
  const key = await findKey(given);
  if (!key) throw notValid();
  const { isStill } = key;
  return {
    ...(isStill && {
      judgeAgain: async () => {
        if (!(await isStill())) throw notValid();
      },
    }),
    keyId: key.id,
    scope: key.scope,
    portal: key.portal,
    tenant: chosenTenant(key, single(headers["x-tenant"])),
  };
}

function notValid(): PosthornError {
  return new PosthornError(
    "unauthorized",
    "the API key is not valid: it is unknown, expired or revoked",
  );
}

function chosenTenant(key: KnownKey, wanted: string | undefined): string {
  if (key.tenant === null) {
    const tenant = wanted ?? DEFAULT_TENANT;
    if (!TENANT_PATTERN.test(tenant) && tenant !== ALL_TENANTS)
      throw invalid(
        "X-Tenant",
        "1 to 64 of a-z, 0-9, _ and - are needed, or * where a list reads over all tenants",
      );
    return tenant;
  }
  if (wanted !== undefined && wanted !== key.tenant)
    throw new PosthornError(
      "forbidden",
      "this key belongs to another tenant than X-Tenant names; leave the header out",
    );
  return key.tenant;
}

function bearer(header: string | undefined): string | undefined {
  return /^Bearer +(\S+) *$/i.exec(header ?? "")?.[1];
}

function single(header: string | string[] | undefined): string | undefined {
  return Array.isArray(header) ? header[0] : header;
}
