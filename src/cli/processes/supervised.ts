// One of several processes: what `serve`, `api` and `worker` run under their supervisor.
import cluster from "node:cluster";

import { createLog } from "../../kernel/log.ts";
import type { Scrape } from "../../metrics/sum.ts";
import { startService, type Role } from "../../service.ts";
import { aborted, readConfig } from "../process.ts";
import { createDialogue } from "./dialogue.ts";
import type { Started } from "./life.ts";

const MARK = "POSTHORN_SUPERVISED"; // tells it from a worker of somebody else's cluster

/** What makes a fork one of ours, and tells it where the embedded database runs. */
export function supervisedBy(embeddedUrl: string | null): Record<string, string> {
  return { [MARK]: embeddedUrl ?? "" };
}

/** Whether this process is one of several. */
export function isSupervised(env = process.env): boolean {
  return cluster.isWorker && env[MARK] !== undefined;
}

/** Runs the service until its supervisor says so or is gone, or until SIGINT or SIGTERM; finishes what it does, and ends. */
export async function runSupervised(role: Role, env = process.env): Promise<never> {
  const config = readConfig(env, () => {}); // the supervisor has said what there is to say of it
  const log = createLog(config.LOG_LEVEL).child({ pid: process.pid });
  process.once("uncaughtException", (err) => {
    log.fatal({ err }, "broken");
    process.exit(1);
  });
  const ended = new AbortController();
  const end = () => ended.abort();
  // However often, since a terminal and systemd tell all processes, and the supervisor then tells them once more.
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, end);
  cluster.worker?.once("disconnect", () => {
    if (cluster.worker) cluster.worker.exitedAfterDisconnect = true; // else node ends it at once
    end();
  });
  const dialogue = createDialogue(
    (message) => process.connected && (process.send?.(message, ignored), true),
    { stop: end, pulse: () => true, report: async () => (await starting).report() },
  );
  process.on("message", (message) => dialogue.hear(message));

  const supervisor = {
    embeddedUrl: env[MARK] || null,
    scrape: () => dialogue.ask("scrape") as Promise<Scrape>,
  };
  const starting = startService(role, config, log, { supervisor });
  const service = await starting;
  const { url, newAdminKey, embeddedUrl, reachesLoopback } = service;
  const started: Started = { url, newAdminKey, embeddedUrl, reachesLoopback };
  void dialogue.ask("started", started).catch(ignored);
  await aborted(ended.signal);
  log.info("stopping");
  await service.stop();
  log.info("stopped");
  return process.exit(0);
}

const ignored = () => {};
