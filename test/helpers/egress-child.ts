// A process that sends to hostile receivers all at once and, meanwhile, to a healthy one; tells what it saw on stdout.
import { parseCidrs } from "../../src/egress/address.ts";
import { createEgress } from "../../src/egress/client.ts";
import { monotonic, sleep } from "../../src/kernel/clock.ts";

const HANG_MS = 60_000; // of the healthy one: it is over long before, however busy the machine is
const HOSTILE_MS = 8_000;
const PAUSE_MS = 10; // leaves the hostile ones the processor that they are to be hostile with

const [healthy = "", ...hostile] = process.argv.slice(2);

const allow = parseCidrs("127.0.0.0/8");
const egress = createEgress({ allow, forbidden: () => [], clock: monotonic, random: Math.random });
const body = Buffer.from('{"type":"test"}');
const post = (url: string, timeoutMs: number) =>
  egress.post({ url, headers: {}, body, timeoutMs }, () => Promise.resolve(true));

for (let i = 0; i < 200; i++) await post(healthy, HANG_MS); // so that what is loaded and compiled is not counted
const rssBefore = process.memoryUsage.rss();
let rssMost = rssBefore;
const over = new AbortController();
const zoo = Promise.all(hostile.map((url) => post(url, HOSTILE_MS))).finally(() => over.abort());

const healthyMs: number[] = [];
let healthyFailed = 0;
do {
  const exchange = await post(healthy, HANG_MS);
  healthyMs.push(exchange.durationMs);
  if (exchange.kind === "failed") healthyFailed++;
  rssMost = Math.max(rssMost, process.memoryUsage.rss());
  await sleep(PAUSE_MS);
} while (!over.signal.aborted);

const kinds = (await zoo).map(({ kind }) => kind);
const slowestMs = Math.max(...healthyMs);
const seen = {
  grownBytes: rssMost - rssBefore,
  kinds,
  count: healthyMs.length,
  healthyFailed,
  slowestMs,
};
console.log(JSON.stringify(seen));
await egress.close();
