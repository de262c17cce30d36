// Which events may go to the database in one list.
import type { Owner } from "../kernel/shares.ts";
import type { NameableEvent } from "./storing.ts";

/** The list that an event goes in: all in it are of one tenant, judged or not, tried before or not, since that is said of a list as a whole. */
export function listOf(tenant: string, { isJudged, name }: NameableEvent): string {
  return [tenant, isJudged && "judged", name.isAgain && "again"].filter(Boolean).join(" ");
}

/** The tenant of a list of `listOf`. */
export function tenantOf(list: string): string {
  return list.split(" ")[0] ?? "";
}

/** Who takes the permit for a list: all keys of its tenant together. */
export function ownerOf(list: string): Owner {
  return { tenant: tenantOf(list), key: "" };
}
