// `posthorn serve`, `api` and `worker`: until SIGTERM or SIGINT, as one process or as several.
import { createLog } from "../kernel/log.ts";
import { startService, type Role } from "../service.ts";
import { commandOf, firstSteps } from "./banner.ts";
import { keepHeapSmall } from "./heap.ts";
import { isSupervised, runSupervised } from "./processes/supervised.ts";
import { supervise } from "./processes/supervisor.ts";
import { aborted, endSignal, readConfig, say } from "./process.ts";

/** Runs the service until SIGINT or SIGTERM, drains it, and ends the process. */
export async function run(role: Role): Promise<never> {
  if (role !== "worker") keepHeapSmall(); // a worker answers nobody
  if (isSupervised()) return runSupervised(role);
  const config = readConfig();
  if (config.POSTHORN_PROCESSES > 1) return supervise(role, config);
  const log = createLog(config.LOG_LEVEL);
  process.once("uncaughtException", (err) => {
    log.fatal({ err }, "broken");
    process.exit(1);
  });
  const ended = endSignal();
  const service = await startService(role, config, log);
  // At every level: supervisors and tests wait for this line.
  log.child({}, { level: "info" }).info({ url: service.url, pid: process.pid }, "ready");
  if (role !== "worker") say(firstSteps(service, commandOf(process.argv[1] ?? "", process.cwd())));
  const broken = await Promise.race([aborted(ended), ...(service.lost ? [service.lost] : [])]);
  if (broken) throw broken;
  log.info("stopping");
  await service.stop();
  log.info("stopped");
  return process.exit(0);
}
