// What a replay sends again, in words.
import type { Row } from "../../api/operations.ts";
import { onTheWall } from "../../parts/time.tsx";

export type Replay = Row<"replays.list">;

const WANTED: Record<string, string> = {
  delivered: "Delivered",
  dead: "Dead",
  cancelled: "Cancelled",
  never: "Never sent",
};

/** "Dead since …", "All that is dead". */
export function spanOf({ cause, wanted_status, since, until }: Replay): string {
  if (cause === "retry") return "All that is dead";
  const what = wanted_status === null ? "All" : (WANTED[wanted_status] ?? wanted_status);
  return `${what}, ${since === null ? "until" : `${onTheWall(since)} to`} ${onTheWall(until)}`;
}
