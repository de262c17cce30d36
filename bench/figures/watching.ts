// What metrics, and traces that nobody collects, cost a delivery; and what a scrape takes beside much else.
import { setTimeout as sleep } from "node:timers/promises";

import { request } from "undici";

import { startService, WITHOUT_WATCHING, type Service } from "../children.ts";
import { nowMs } from "../clock.ts";
import { median } from "../report.ts";
import { runOurs } from "../runs.ts";
import { headersOf } from "../service.ts";
import { clear, WIDE, type Group, type Scene } from "../stage.ts";

const SLOWER_MAX = 1.02;
const SCRAPE_MS_MAX = 20;
const SCRAPE_KB_MAX = 100;
const SCRAPES = 30;
const ASKED = 5;
const APART_S = 10.5; // the database is asked at most once in ten seconds

const WAYS = [
  { way: "with", execArgv: [] },
  { way: "without", execArgv: WITHOUT_WATCHING },
];

export const watching: Group = {
  title: "Watching",
  about:
    "A worker as it is, without an SDK for traces, beside one whose counters, histograms and spans do nothing, in turn, each with a " +
    `backlog for 100 webhooks. Then /metrics of a worker beside 1,000,000 finished deliveries and 10,100 webhooks: ${ASKED} scrapes that ` +
    `ask the database, ${APART_S} s apart, and ${SCRAPES} one after the other.`,
  rounds: 5,
  async run(scene) {
    const { note, round } = scene;
    const cpuUs = new Map<string, number>();
    for (const { way, execArgv } of round % 2 ? [...WAYS].reverse() : WAYS) {
      await clear(scene);
      const [, rate] = await runOurs(scene, execArgv);
      cpuUs.set(way, rate.cpuUs);
      note(`a backlog, ${way}`, rate.perSecond, "/s");
      note(`a backlog, ${way}: CPU of the worker, a delivery`, rate.cpuUs, "µs");
    }
    const ratio = (cpuUs.get("with") ?? 0) / (cpuUs.get("without") ?? 0);
    note("CPU of the worker, with to without", ratio, "×", { atMost: SLOWER_MAX });
    if (round === 0) await measureScrapes(scene);
  },
};

async function measureScrapes({ env, note, isQuick }: Scene): Promise<void> {
  const worker = await startService("worker", env);
  await scrape(worker); // compiles, and connects
  let last = { ms: 0, bytes: 0 };
  for (let n = 0; n < (isQuick ? 1 : ASKED); n++) {
    await sleep(APART_S * 1_000);
    last = await scrape(worker);
    note("a scrape that asks the database", last.ms, "ms", { atMost: SCRAPE_MS_MAX });
  }
  const ms: number[] = [];
  for (let n = 0; n < SCRAPES; n++) ms.push((await scrape(worker)).ms);
  note("a scrape soon after it", median(ms), "ms", { atMost: SCRAPE_MS_MAX });
  note("its size", last.bytes / 1_000, "KB", { atMost: SCRAPE_KB_MAX });
  await worker.stop();
}

async function scrape({ url }: Service): Promise<{ ms: number; bytes: number }> {
  const startedAt = nowMs();
  const answer = await request(`${url}/metrics`, { headers: headersOf(WIDE.tenant) });
  const text = await answer.body.text();
  if (answer.statusCode !== 200) throw new Error(text);
  return { ms: nowMs() - startedAt, bytes: Buffer.byteLength(text) };
}
