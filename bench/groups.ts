// The groups of figures, in the order in which they are measured.
import { backlog } from "./figures/backlog.ts";
import { bodies } from "./figures/bodies.ts";
import { callers } from "./figures/callers.ts";
import { cells } from "./figures/cells.ts";
import { claim } from "./figures/claim.ts";
import { footprint } from "./figures/footprint.ts";
import { grown } from "./figures/grown.ts";
import { idle } from "./figures/idle.ts";
import { isolation } from "./figures/isolation.ts";
import { latency } from "./figures/latency.ts";
import { many } from "./figures/many.ts";
import { oldTransaction } from "./figures/old-transaction.ts";
import { origins } from "./figures/origins.ts";
import { pooler } from "./figures/pooler.ts";
import { presets } from "./figures/presets.ts";
import { profile } from "./figures/profile.ts";
import { publishing } from "./figures/publish.ts";
import { reads } from "./figures/reads.ts";
import { receivers } from "./figures/receivers.ts";
import { replay } from "./figures/replay.ts";
import { retention } from "./figures/retention.ts";
import { start } from "./figures/start.ts";
import { stops } from "./figures/stops.ts";
import { stats } from "./figures/stats.ts";
import { throughput } from "./figures/throughput.ts";
import { watching } from "./figures/watching.ts";
import { workers } from "./figures/workers.ts";
import type { Group } from "./stage.ts";

export const GROUPS: Readonly<Record<string, Group>> = {
  throughput,
  profile,
  footprint,
  latency,
  isolation,
  many,
  callers,
  stops,
  claim,
  "old-transaction": oldTransaction,
  backlog,
  replay,
  reads,
  start,
  idle,
  publish: publishing,
  receivers,
  origins,
  bodies,
  workers,
  pooler,
  cells,
  presets,
  stats,
  watching,
  grown,
  retention, // the last, for it lets days of the history go
};
