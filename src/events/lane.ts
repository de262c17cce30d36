// Which events may go to the database in one list.
import type { Owner } from "../kernel/shares.ts";
import type { NewEvent } from "../store/events.ts";

/** Events of one lane can go in one list: of one tenant, and judged or not, since that is said of a list as a whole. */
export function laneOf(tenant: string, { isJudged }: NewEvent): string {
  return isJudged ? `${tenant} judged` : tenant;
}

/** The tenant of a lane. */
export function tenantOf(lane: string): string {
  return lane.split(" ")[0] ?? "";
}

/** Who takes a place for a lane's list: all of its keys together. */
export function ownerOf(lane: string): Owner {
  return { tenant: tenantOf(lane), key: "" };
}
