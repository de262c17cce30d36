// `serve`, `api` and `worker` as several processes: the supervisor of them, which has the address, the database and the signals.
import cluster from "node:cluster";

import type { Config } from "../../config.ts";
import { probeAddress } from "../../http/listen.ts";
import { StartError } from "../../kernel/errors.ts";
import { createLog } from "../../kernel/log.ts";
import { openServiceDatabase } from "../../service/database.ts";
import type { Role } from "../../service.ts";
import { commandOf, firstSteps } from "../banner.ts";
import { whenNpmShellEnds } from "../npm-shell.ts";
import { aborted, say } from "../process.ts";
import { createFleet, type Fleet } from "./fleet.ts";
import { startLife, type End, type Started } from "./life.ts";
import { supervisedBy } from "./supervised.ts";
import { createTally } from "./tally.ts";

/** Runs the processes until SIGINT or SIGTERM, has them finish, and ends. */
export async function supervise(role: Role, config: Config): Promise<never> {
  if (!cluster.isPrimary)
    throw new StartError(
      "POSTHORN_PROCESSES: this process is a worker of node:cluster itself (as pm2's cluster mode makes them); leave it at 1 there",
    );
  const log = createLog(config.LOG_LEVEL).child({ pid: process.pid });
  process.once("uncaughtException", (err) => {
    log.fatal({ err }, "broken");
    process.exit(1); // which the processes see, and finish what they do
  });
  // Whoever is free takes the next connection. Dealt out in turns, those dealt to one that dies or hangs would hang with it.
  cluster.schedulingPolicy = cluster.SCHED_NONE;
  const fleets: Fleet[] = [];
  const ended = endSignals(() => fleets.forEach((fleet) => fleet.kill()));
  await probeAddress(config.HOST, config.PORT); // before a database is made or migrated for nothing
  const database = await openServiceDatabase(config, log, {});
  let code = 0;
  try {
    const tally = createTally(() => fleet);
    const answers = { scrape: () => tally.scrape() };
    let url: string | undefined;
    const fleet: Fleet = createFleet({
      size: config.POSTHORN_PROCESSES,
      launch: () => startLife(supervisedBy(database.embeddedUrl), answers, log),
      log,
      served(_life, started) {
        if (url === started.url) return;
        // The first that serves; or PORT is 0, and no process was left that had the port of before.
        url = started.url;
        tellReady(started);
      },
      ended: (life) => tally.ended(life),
    });
    fleets.push(fleet);
    const stopping = aborted(ended);
    void stopping.then(() => fleet.stop());
    const first = await fleet.start();
    if ("url" in first || ended.aborted) {
      const broken = await Promise.race([stopping, ...(database.lost ? [database.lost] : [])]);
      log.info("stopping");
      code = worstOf(await fleet.stop());
      log.info("stopped");
      if (broken) throw broken;
    } else code = endedBefore(first);
  } finally {
    await database.close();
  }
  return process.exit(code);

  function tellReady(started: Started): void {
    // At every level: supervisors and tests wait for this line.
    const line = { url: started.url, processes: config.POSTHORN_PROCESSES };
    log.child({}, { level: "info" }).info(line, "ready");
    if (role !== "worker")
      say(firstSteps(started, commandOf(process.argv[1] ?? "", process.cwd())));
  }
}

/** Aborts at the first signal; at the second the processes are killed, and it goes as if nothing were listened for. */
function endSignals(kill: () => void): AbortSignal {
  const ended = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const)
    process.on(signal, () => {
      if (!ended.signal.aborted) return ended.abort();
      kill();
      process.removeAllListeners(signal);
      process.kill(process.pid, signal);
    });
  whenNpmShellEnds(() => ended.abort());
  return ended.signal;
}

// One that could not start has said why; one that was killed could not.
function endedBefore({ code, signal }: End): number {
  if (signal !== null) say(`posthorn: a process was ended by ${signal} before it was ready`);
  return code === null || code === 0 ? 1 : code;
}

function worstOf(ends: readonly End[]): number {
  return Math.max(0, ...ends.map(({ code }) => code ?? 1));
}
