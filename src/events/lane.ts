// Which events may go to the database in one list.
import type { NewEvent } from "../store/events.ts";

/** Events of one lane can go in one list: of one tenant, and judged or not, since that is said of a list as a whole. */
export function laneOf(tenant: string, { isJudged }: NewEvent): string {
  return isJudged ? `${tenant} judged` : tenant;
}

/** The tenant of a lane. */
export function tenantOf(lane: string): string {
  return lane.split(" ")[0] ?? "";
}
