// The filter of lists by an event's type: a type, or a prefix ending in `.*`.
import { z } from "zod";

import { PosthornError } from "../kernel/errors.ts";
import { findEventType, listEventTypeNames } from "../store/event-types.ts";
import type { TenantStore } from "../store/tenant.ts";
import {
  OWN_EVENT_TYPES,
  PREFIX_PATTERN,
  takesInAny,
  TYPE_NAME_MAX,
  TYPE_PATTERN,
} from "./names.ts";

/** The field of a list's request. */
export const typeFilterInput = z
  .string()
  .max(TYPE_NAME_MAX)
  .refine(
    (text) => TYPE_PATTERN.test(text) || PREFIX_PATTERN.test(text),
    "a type, or a prefix ending in .*, is needed, like message.created or message.*",
  )
  .meta({ description: "A type, or a prefix ending in `.*`." });

/**
 * Throws the 400 for a filter that takes in no type there is. Asked only where nothing was found: such a name would never
 * find anything, and nobody would say so.
 */
export async function checkTypeFilter(
  { db, tenant, reach }: TenantStore,
  type: string,
): Promise<void> {
  if (reach.tenant === null) return; // some tenant may have it
  if (takesInAny(type, OWN_EVENT_TYPES) || (await findEventType(db, tenant, type))) return;
  const known = await listEventTypeNames(db, tenant);
  if (takesInAny(type, known)) return;
  const message = `type: ${JSON.stringify(type)} takes in no event type of this tenant; event_types.list shows those there are`;
  throw new PosthornError("unknown_event_type", message, { issues: [{ path: "type", message }] });
}
