// Judging takes its time as the database does: what has become too late of it is not started.
import { expect, test } from "@jest/globals";
import pg from "pg";

import { createDatabaseClock } from "../../src/delivery/database-clock.ts";
import { createSettler } from "../../src/delivery/settler.ts";
import { createStarter } from "../../src/delivery/starter.ts";
import { createTargets } from "../../src/delivery/targets.ts";
import { createWindow } from "../../src/delivery/window.ts";
import { silentLog as log } from "../../src/kernel/log.ts";
import { connect } from "../../src/database/connect.ts";
import { createSealer } from "../../src/database/sealed.ts";
import { caller } from "../helpers/api.ts";
import { claim } from "../helpers/claims.ts";
import { startEgress } from "../helpers/egress.ts";
import { startInbox } from "../helpers/inbox.ts";
import { startTestService } from "../helpers/service.ts";

test("nothing starts when judging took so long that an unsubscribe may have been answered; it is given back", async () => {
  const service = await startTestService({}, { role: "api" });
  const connection = connect(service.databaseUrl, { name: "starter", max: 2, log });
  const inbox = await startInbox();
  const post = caller(service);
  await post("event_types.create", { name: "number", schema: { type: "number" } }).expect(200);
  await post("webhooks.subscribe", { url: inbox.url }).expect(200);
  const sql = new pg.Client({ connectionString: service.databaseUrl });
  await sql.connect();
  await sql.query("select posthorn.publish('number', '1')");

  let now = 0;
  let asked = 0;
  const monotonic = () => now;
  const clock = createDatabaseClock(monotonic);
  const window = createWindow({ concurrency: 16, perWebhook: 16, perHost: 0, monotonic });
  const settler = createSettler({ pool: connection.pool, log, monotonic }, () => {});
  const starter = createStarter(
    {
      ...connection,
      ...startEgress(),
      installation: null,
      judging: {
        payload() {
          asked += 1;
          now += 950;
          return Promise.resolve({ kind: "fits", wasSlow: true });
        },
      },
      clock,
      random: () => 0.5,
      worker: "late",
      http: "preset",
      monotonic,
      targets: createTargets({
        pool: connection.pool,
        sealer: createSealer([Buffer.alloc(32, 7)]),
        random: () => 0.5,
        log,
      }),
      attempted: () => {},
      tracesReceivers: false,
      log,
    },
    { window, settler, left: () => {}, started: () => {}, returned: () => {} },
  );
  const run = async () => {
    const claimed = await claim(connection.pool);
    clock.set(claimed.clock, now);
    await starter.start(claimed.deliveries, now);
    await starter.drain();
    await settler.drain(AbortSignal.timeout(60_000));
    return inbox.requests.length;
  };
  expect(await run()).toBe(0);
  expect((await sql.query("select state, locked_until from posthorn.deliveries")).rows).toEqual([
    { state: 0, locked_until: null },
  ]);
  expect(await run()).toBe(1);
  expect(asked).toBe(1); // known by now to fit, and so not judged again

  await sql.end();
  await connection.close();
  await service.stop();
  await inbox.close();
});
