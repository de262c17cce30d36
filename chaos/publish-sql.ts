// A publisher in SQL: a row of its own business and the event, in one transaction.
import pg from "pg";

import { sleep } from "../src/kernel/clock.ts";
import { SECOND } from "../src/kernel/duration.ts";
import type { Publishing } from "./load.ts";

const ANSWER_MS_MAX = 25 * SECOND;
const AGAIN_MS = 100;
const ROLLED_BACK_OF = 5; // each fifth transaction changes its mind

/** The table of the business: its row is there exactly where the transaction was committed. */
export const ORDERS = "create table public.orders (n integer primary key, event_id text not null)";

/** Makes a publisher with a connection of its own, which is replaced when it is lost. */
export function publishOverSql(
  { ledger, databaseUrl, tenant, channels }: Publishing,
  holdMs: () => number,
  stopped: AbortSignal,
): { publish(): Promise<void>; end(): Promise<void> } {
  let client: pg.Client | undefined;

  async function publish(): Promise<void> {
    const n = ledger.next();
    let event: string | undefined;
    let isCommitting = false;
    try {
      client ??= await connect(databaseUrl());
      await client.query("begin");
      const { rows } = await client.query<{ id: string }>(
        "select posthorn.publish('message.created', $1::text, channel => $2, tenant => $3) as id",
        [JSON.stringify({ n }), String(n % channels), tenant],
      );
      event = rows[0]?.id ?? "";
      await client.query("insert into public.orders values ($1, $2)", [n, event]);
      await sleep(holdMs(), stopped);
      if (n % ROLLED_BACK_OF === 0) {
        ledger.rollBack(event);
        await client.query("rollback");
        return;
      }
      isCommitting = true;
      await client.query("commit");
      ledger.acknowledge(event);
    } catch {
      ledger.refuse();
      if (event !== undefined && isCommitting) ledger.leaveUnknown(event);
      else if (event !== undefined) ledger.rollBack(event);
      abandon(client);
      client = undefined;
      await sleep(AGAIN_MS, stopped);
    }
  }

  async function end(): Promise<void> {
    await client?.end().catch(() => undefined);
  }
  return { publish, end };
}

async function connect(url: string): Promise<pg.Client> {
  const client = new pg.Client({
    connectionString: url,
    connectionTimeoutMillis: ANSWER_MS_MAX,
    query_timeout: ANSWER_MS_MAX,
  });
  client.on("error", () => {}); // a lost connection shows at the next statement
  await client.connect();
  return client;
}

// One that hears nothing any more would never say that it has ended.
function abandon(client: pg.Client | undefined): void {
  client?.end().catch(() => undefined);
}
