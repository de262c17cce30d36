// The end of what an event says: for a person who asks to be forgotten.
import { afterCommit } from "../kernel/faults.ts";
import { eraseEvent } from "../store/erase.ts";
import type { TenantStore } from "../store/tenant.ts";
import { find, notFound } from "./read.ts";
import type { Event } from "./schema.ts";

/** Blanks an event's payload and every kept answer to it, and cancels what is pending of it. */
export async function erase(store: TenantStore, id: string): Promise<Event> {
  if (!(await eraseEvent(store.pool, store.tenant, id))) throw notFound(id);
  return afterCommit(find(store, id));
}
