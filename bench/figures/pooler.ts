// One worker behind PgBouncer, and the same without.
import { lackingAt } from "../../src/database/role-settings.ts";
import { behindPooler } from "../../src/database/pooler.ts";
import { isInstalled, keepsNames, startPgBouncer } from "../../test/helpers/pgbouncer.ts";
import { startService } from "../children.ts";
import { measureRate, type Rate } from "../rate.ts";
import { payloadOf, publish } from "../service.ts";
import { BENCH, clear, type Group, type Scene } from "../stage.ts";

const DELIVERIES = 60_000;
const POOLED = 10; // sessions of the database, for all that the worker asks

const HOW = keepsNames() ? "transaction-named" : "transaction";

export const pooler: Group = {
  title: "Behind a pooler",
  about:
    `${DELIVERIES.toLocaleString("en")} deliveries by one worker with DATABASE_URL at the database, and at a PgBouncer in transaction mode in front of it ` +
    `(${POOLED} sessions, POSTHORN_POOLER=${HOW}; Debian's package has to be there), one after the other, and in every other round the other way around. The database's CPU is without the pooler's own.`,
  rounds: 3,
  async run(scene) {
    if (!isInstalled()) {
      console.log("PgBouncer is not installed: what is behind it is left out");
      return;
    }
    const before = scene.round % 2 === 1 ? await pooled(scene) : undefined;
    const without = await deliver(scene, {});
    const behind = before ?? (await pooled(scene));
    scene.note("directly", without.perSecond, "/s");
    scene.note("behind PgBouncer", behind.perSecond, "/s");
    const cpu = (name: string, { cpuUs, databaseCpuUs }: Rate) => {
      scene.note(`${name}: CPU of the worker, a delivery`, cpuUs, "µs");
      scene.note(`${name}: CPU of the database, a delivery`, databaseCpuUs, "µs");
    };
    cpu("directly", without);
    cpu("behind PgBouncer", behind);
    const ratio = behind.perSecond / without.perSecond;
    scene.note("behind PgBouncer, to directly", ratio, "×", { atLeast: 0.88 });
    const spent = behind.databaseCpuUs / without.databaseCpuUs;
    scene.note("behind PgBouncer, to directly: CPU of the database", spent, "×", { atMost: 1.3 });
  },
};

async function pooled(scene: Scene): Promise<Rate> {
  const { url, sql } = scene.database;
  const bouncer = await startPgBouncer(url, {
    default_pool_size: POOLED,
    ...(keepsNames() && { max_prepared_statements: 200 }),
  });
  try {
    const through = bouncer.url(url);
    // What `posthorn pooler --worker` prints: a session's settings can't be asked for on the way through a pooler.
    for (const which of ["needed", "plans"] as const)
      for (const { alter } of await lackingAt(behindPooler(through, HOW), which))
        await sql.query(alter);
    await bouncer.kill();
    await bouncer.start(); // sessions that are open already were set as they were
    return await deliver(scene, {
      DATABASE_URL: through,
      DATABASE_DIRECT_URL: url,
      POSTHORN_POOLER: HOW,
    });
  } finally {
    await sql.query(
      `alter role current_user in database ${sql.escapeIdentifier(sql.database ?? "")} reset all`,
    );
    await bouncer.remove();
  }
}

async function deliver(scene: Scene, env: NodeJS.ProcessEnv): Promise<Rate> {
  await clear(scene);
  const total = scene.count(DELIVERIES);
  await publish(scene.database.url, BENCH.tenant, {
    count: total,
    channels: BENCH.channels,
    payload: payloadOf(1_024),
  });
  const worker = await startService("worker", { ...scene.env, ...env });
  const rate = await measureRate(scene, [worker.pid], { seconds: Infinity, total });
  await worker.stop();
  return rate;
}
