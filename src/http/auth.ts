// Who calls: the API key of a request, and the tenant that it acts for.
import type { IncomingHttpHeaders } from "node:http";

import { invalid, keyNotValid, PosthornError } from "../kernel/errors.ts";
import { ALL_TENANTS, DEFAULT_TENANT, TENANT_PATTERN } from "../kernel/fields.ts";
import type { FindKey, KnownKey } from "../kernel/scopes.ts";
import { callerError } from "../rpc/errors.ts";
import type { Caller } from "../rpc/trpc.ts";

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
  if (!key) throw keyNotValid();
  const { isStill } = key;
  const judgeAgain =
    isStill &&
    (async () => {
      if (!(await isStill())) throw keyNotValid();
    });
  const tenant = await before401(judgeAgain, () => chosenTenant(key, single(headers["x-tenant"])));
  return { keyId: key.id, scope: key.scope, portal: key.portal, tenant, judgeAgain };
}

/**
 * Does what a caller asks whose key may be judged with it. Where that comes to nothing the key is judged before it is told why: who
 * has no valid key learns nothing else.
 */
export async function before401<T>(
  judgeAgain: Caller["judgeAgain"],
  work: () => T | Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    // Of what failed here, or for want of the database, nobody learns anything.
    if (judgeAgain && callerError(error).status < 500) await judgeAgain();
    throw error;
  }
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
