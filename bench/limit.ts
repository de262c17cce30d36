// The limit: the same client, body and signature, with no database before or behind it.
import { PRESETS } from "../src/presets/index.ts";
import { buildRequest } from "../src/presets/build.ts";
import { parseCidrs } from "../src/egress/address.ts";
import { createEgress } from "../src/egress/client.ts";
import { monotonic } from "../src/kernel/clock.ts";

const [url = "", count = "0", concurrency = "0", payload = ""] = process.argv.slice(2);

const egress = createEgress({
  allow: parseCidrs("127.0.0.0/8"),
  forbidden: () => [],
  clock: monotonic,
});
let next = 0;
const startedAt = performance.now();
const cpuBefore = process.cpuUsage();
await Promise.all(
  Array.from({ length: Number(concurrency) }, async () => {
    while (next < Number(count)) {
      const event = {
        id: `evt_${next++}`,
        type: "message.created",
        timestamp: new Date(),
        payload,
      };
      const { body, headers } = buildRequest(PRESETS.airy, event, {
        keys: ["bench"],
        attempt: 1,
        sentAt: new Date(),
      });
      const exchange = await egress.post({ url, headers, body, timeoutMs: 10_000 });
      if (exchange.kind === "failed" || exchange.status !== 200)
        throw new Error(JSON.stringify(exchange));
    }
  }),
);
const cpu = process.cpuUsage(cpuBefore);
process.send?.({
  seconds: (performance.now() - startedAt) / 1_000,
  cpuUs: (cpu.user + cpu.system) / Number(count),
});
await egress.close();
