// What a webhook's owner notes on it: an id of their own system, and whatever else they want to find there again. Nothing of it
// is sent to receivers, and nothing here goes by it.
import type { Transaction } from "kysely";

import type { Schema } from "../database/schema.ts";
import { PosthornError } from "../kernel/errors.ts";
import { plainText, stringsByName, trimmed } from "../kernel/fields.ts";
import type { TenantStore } from "../store/tenant.ts";
import { findIdsByExternalId } from "../store/webhooks.ts";
import { LIMITS } from "./limits.ts";

const { external_id: EXTERNAL_ID_MAX, metadata: ENTRIES_MAX } = LIMITS;
const { metadata_name: ENTRY_NAME_MAX, metadata_value: ENTRY_VALUE_MAX } = LIMITS;

export const externalId = trimmed(plainText(EXTERNAL_ID_MAX).min(1));

const entryName = plainText(ENTRY_NAME_MAX).min(1);
const NAMES = `a name needs 1 to ${ENTRY_NAME_MAX} characters, none of them a NUL or half a surrogate pair`;

export const metadata = stringsByName(plainText(ENTRY_VALUE_MAX)).superRefine(
  (entries, context) => {
    const names = Object.keys(entries);
    if (names.length > ENTRIES_MAX)
      context.addIssue(`has ${names.length} entries; ${ENTRIES_MAX} are allowed`);
    for (const name of names)
      if (!entryName.safeParse(name).success)
        context.addIssue({ code: "custom", path: [name], message: NAMES });
  },
);

export const labels = {
  external_id: externalId.nullable().meta({
    description:
      "What your own system calls it: one webhook of the tenant at most has it. Found by `webhooks.list`.",
  }),
  metadata: metadata.nullable().meta({
    description: `What else you want to find here again, never sent: at most ${ENTRIES_MAX} entries, names of ${ENTRY_NAME_MAX} and values of ${ENTRY_VALUE_MAX} characters.`,
  }),
};

/**
 * Throws the 409 where another webhook of the tenant has this external id. The transaction has the tenant's turn, so none can
 * take it meanwhile.
 */
export async function refuseTaken(
  trx: Transaction<Schema>,
  { tenant, reach }: TenantStore,
  wanted: { id: string | undefined; externalId: string | null },
): Promise<void> {
  if (wanted.externalId === null) return;
  const holders = await findIdsByExternalId(trx, tenant, [wanted.externalId]);
  refuseHeld(reach, holders, wanted);
}

/** Throws the 409 where one of these, by their external ids, has it and is another. */
export function refuseHeld(
  reach: TenantStore["reach"],
  holders: ReadonlyMap<string, string>,
  wanted: { id: string | undefined; externalId: string | null },
): void {
  const holder = holders.get(wanted.externalId ?? "");
  if (holder === undefined || holder === wanted.id) return;
  const who = reach.webhooks === null ? `webhook ${holder}` : "another webhook"; // which may be out of reach
  const message = `external_id: ${who} has ${JSON.stringify(wanted.externalId)} already; change that one by its id, or give another`;
  throw new PosthornError("external_id_taken", message, {
    issues: [{ path: "external_id", message }],
  });
}
