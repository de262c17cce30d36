// The limit: one client that sends signed webhooks as fast as it can, with no database before or behind it.
import { signed } from "../signed.ts";
import { CONCURRENCY, payloadOf } from "../service.ts";
import { createSender, type Client } from "./senders.ts";

const [client = "", origin = "", paths = ""] = process.argv.slice(2);

const send = createSender(client as Client, origin);
const payload = payloadOf(1_024);
let next = 0;
let isStopping = false;
process.once("SIGTERM", () => (isStopping = true));
process.once("disconnect", () => process.exit());
await Promise.all(
  Array.from({ length: CONCURRENCY }, async () => {
    while (!isStopping) {
      const id = `evt_${next++}`;
      const { headers, body } = signed(id, payload);
      const reply = await send(`/${next % Number(paths)}`, headers, body);
      if (reply.status !== 200) throw new Error(`the receiver answered ${reply.status}`);
    }
  }),
);
process.exit();
