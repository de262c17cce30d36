// Finds the server that runs on a cluster, or makes there be one.
import { monotonic, sleep } from "../../kernel/clock.ts";
import { findBinaries } from "./binaries.ts";
import { clusterMajor, makeCluster } from "./cluster.ts";
import { launch, notReady } from "./launch.ts";
import type { Place } from "./place.ts";
import { findPostmaster, type Postmaster } from "./postmaster.ts";

const POLL_MS = 20;

/**
 * Answers the server that is ready on the cluster, and whether it was started here. One that is starting or stopping
 * is waited for; one that a killed service left behind is as good as new: nothing acknowledged is lost. `started` is called
 * with each start, also of a server that ends again before it is answered.
 */
export async function ensureServer(
  place: Place,
  signal: AbortSignal,
  started: () => void = () => {},
): Promise<{ postmaster: Postmaster; launched: boolean }> {
  let launched = false;
  for (;;) {
    signal.throwIfAborted();
    const postmaster = await findPostmaster(place.clusterDir);
    if (postmaster?.status === "ready") return { postmaster, launched };
    if (monotonic() > place.readyBy) throw notReady(place.clusterDir);
    launched = postmaster === undefined && (await launchOn(place, signal));
    if (launched) started();
    else await sleep(POLL_MS, signal);
  }
}

async function launchOn(place: Place, signal: AbortSignal): Promise<boolean> {
  const dir = place.clusterDir;
  const major = await clusterMajor(dir);
  const cluster = major === undefined ? undefined : { dir, major };
  const binaries = await findBinaries({ ...place, cluster });
  if (cluster === undefined) await makeCluster({ ...place, binaries, signal });
  return launch({ ...place, binaries, signal });
}
