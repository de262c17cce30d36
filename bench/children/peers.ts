// The queues that people would take in our place, each filled and worked as its documentation advises.
import { Queue, Worker } from "bullmq";
import { Logger, makeWorkerUtils, run } from "graphile-worker";
import PgBoss from "pg-boss";

import type { AttemptRow } from "../attempt-rows.ts";
import { CONCURRENCY } from "../service.ts";

export type PeerName = "graphile-worker" | "pg-boss" | "BullMQ";

/** One webhook to be sent. */
export type Job = { id: string; path: string; payload: string };

/** How a peer's worker sends one job, and where it hands the rows of those that ended. */
export type Work = {
  handle: (job: Job) => Promise<AttemptRow>;
  record: (rows: readonly AttemptRow[]) => Promise<void>;
};

export type Peer = {
  add(jobs: readonly Job[]): Promise<unknown>;
  work(work: Work): Promise<unknown>;
};

const QUEUE = "webhooks";
const CONNECTIONS = 10;
const BATCH = 500;

/** Opens a queue on a database, or on Redis. */
export async function openPeer(name: PeerName, url: string): Promise<Peer> {
  if (name === "graphile-worker") return graphileWorker(url);
  return name === "pg-boss" ? pgBoss(url) : bullMq(url);
}

async function graphileWorker(connectionString: string): Promise<Peer> {
  const logger = new Logger(() => () => {});
  const utils = await makeWorkerUtils({ connectionString, logger });
  await utils.migrate();
  return {
    add: (jobs) =>
      utils.addJobs(jobs.map((payload) => ({ identifier: QUEUE, payload, maxAttempts: 10 }))),
    work: ({ handle, record }) =>
      run({
        preset: {
          worker: {
            connectionString,
            concurrentJobs: CONCURRENCY,
            maxPoolSize: CONNECTIONS,
            localQueue: { size: BATCH },
            completeJobBatchDelay: 0,
            failJobBatchDelay: 0,
            logger,
          },
        },
        taskList: { [QUEUE]: async (job) => record([await handle(job as Job)]) },
      }),
  };
}

async function pgBoss(connectionString: string): Promise<Peer> {
  const boss = new PgBoss({
    connectionString,
    max: CONNECTIONS,
    supervise: false,
    schedule: false,
  });
  await boss.start();
  await boss.createQueue(QUEUE);
  return {
    add: (jobs) => boss.insert(jobs.map((data) => ({ name: QUEUE, data }))),
    // Its own worker polls at most twice a second; two loops over its fetch and complete lose no time between batches.
    work: ({ handle, record }) =>
      Promise.all(
        [1, 2].map(async () => {
          for (;;) {
            const jobs = await boss.fetch<Job>(QUEUE, { batchSize: BATCH });
            if (jobs.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
            const left = [...jobs];
            const rows: AttemptRow[] = [];
            await Promise.all(
              Array.from({ length: CONCURRENCY / 2 }, async () => {
                for (let job = left.shift(); job; job = left.shift())
                  rows.push(await handle(job.data));
              }),
            );
            if (rows.length > 0) await record(rows);
            if (jobs.length > 0)
              await boss.complete(
                QUEUE,
                jobs.map((job) => job.id),
              );
          }
        }),
      ),
  };
}

async function bullMq(url: string): Promise<Peer> {
  const connection = { url, maxRetriesPerRequest: null };
  const queue = new Queue(QUEUE, { connection });
  await queue.waitUntilReady();
  return {
    add: (jobs) =>
      queue.addBulk(
        jobs.map((data) => ({ name: QUEUE, data, opts: { removeOnComplete: true, attempts: 10 } })),
      ),
    work: ({ handle, record }) => {
      const worker = new Worker<Job>(QUEUE, async (job) => record([await handle(job.data)]), {
        connection,
        concurrency: CONCURRENCY,
      });
      return worker.waitUntilReady();
    },
  };
}
