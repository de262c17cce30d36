// A process that sends to hostile receivers all at once and, meanwhile, to a healthy one; tells what it saw on stdout.
import { parseCidrs } from "../../src/egress/address.ts";
import { createEgress } from "../../src/egress/client.ts";
import { monotonic } from "../../src/kernel/clock.ts";

const [healthy = "", ...hostile] = process.argv.slice(2);

const allow = parseCidrs("127.0.0.0/8");
const egress = createEgress({ allow, forbidden: () => [], clock: monotonic });
const body = Buffer.from('{"type":"test"}');
const post = (url: string, timeoutMs: number) =>
  egress.post({ url, headers: {}, body, timeoutMs, mayResend: () => Promise.resolve(true) });

for (let i = 0; i < 200; i++) await post(healthy, 5_000); // so that what is loaded and compiled is not counted
const rssBefore = process.memoryUsage.rss();
let rssMost = rssBefore;
const over = new AbortController();
const zoo = Promise.all(hostile.map((url) => post(url, 3_000))).finally(() => over.abort());

const healthyMs: number[] = [];
let healthyFailed = 0;
do {
  const exchange = await post(healthy, 3_000);
  healthyMs.push(exchange.durationMs);
  if (exchange.kind === "failed") healthyFailed++;
  rssMost = Math.max(rssMost, process.memoryUsage.rss());
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
