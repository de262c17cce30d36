// Publishes by SQL at a steady rate on one connection until it is told to stop, and times each: from when it was meant to
// go until it was committed, so that one that has to wait makes the next ones late as well.
import pg from "pg";

import { nowMs } from "../clock.ts";
import { percentiles } from "../report.ts";

const [url = "", tenant = "", perSecond = "100"] = process.argv.slice(2);
const WARM = 50; // a session's first ones are planned

const stopping = new AbortController();
process.once("message", () => stopping.abort());
process.once("disconnect", () => process.exit());
const sql = new pg.Client({ connectionString: url });
await sql.connect();
const publish = () =>
  sql.query({
    name: "publish",
    text: "select posthorn.publish('message.created', $1::text, channel => $2, tenant => $3)",
    values: ['{"text":"probe"}', "0", tenant],
  });
for (let n = 0; n < WARM; n++) await publish();

const tookMs: number[] = [];
const firstAt = nowMs();
for (let n = 0; !stopping.signal.aborted; n++) {
  const at = firstAt + (n * 1_000) / Number(perSecond);
  while (nowMs() < at - 0.5) await new Promise((resolve) => setTimeout(resolve, at - nowMs()));
  await publish();
  tookMs.push(nowMs() - at);
}
await sql.end();
process.send?.(percentiles(tookMs));
