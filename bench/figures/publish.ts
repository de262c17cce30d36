// What both doors take.
import { execFile } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

import { startService } from "../children.ts";
import { runPublisher } from "../load.ts";
import { nowMs } from "../clock.ts";
import { median } from "../report.ts";
import { payloadOf } from "../service.ts";
import { BENCH, clear, WIDE, type Group, type Scene } from "../stage.ts";

const CLIENTS = 10;
const WINDOW_S = 20;
const MANY = 1_000;
const MANY_CLIENTS = 2;
const FAN_OUT_CALLS = 20;
const [SQL_GOAL, SINGLE_GOAL, MANY_GOAL] = [5_000, 2_000, 20_000];

export const publishing: Group = {
  title: "Publishing",
  about:
    `Events of 1 KB, each to one webhook, with nothing delivering. SQL is pgbench with ${CLIENTS} clients and prepared ` +
    `statements; HTTP is one api process, ${CLIENTS} clients one call after the other, or ${MANY_CLIENTS} with ${MANY} ` +
    "events a call. First 100 webhooks, then 10,000 with a channel each and an idempotency key for each event.",
  rounds: 1,
  async run(scene) {
    for (const { tenant, channels } of [BENCH, WIDE]) {
      const isWide = tenant === WIDE.tenant;
      const beside = isWide ? ", 10,000 webhooks and a key" : "";
      await clear(scene);
      const tps = await pgbench(scene, tenant, channels.length, isWide);
      scene.note(`SQL, ${CLIENTS} clients${beside}`, tps, "events/s", { atLeast: SQL_GOAL });
      const api = await startService("api", scene.env);
      const door = { door: "http", url: api.url, tenant, channels, keyed: isWide } as const;
      const seconds = scene.seconds(WINDOW_S);
      await clear(scene);
      const single = await runPublisher<{ perSecond: number }>({
        ...door,
        seconds,
        load: { clients: CLIENTS },
      });
      scene.note(`HTTP, ${CLIENTS} clients${beside}`, single.perSecond, "events/s", {
        atLeast: SINGLE_GOAL,
      });
      await clear(scene);
      const many = await runPublisher<{ perSecond: number }>({
        ...door,
        seconds,
        load: { clients: MANY_CLIENTS },
        many: MANY,
      });
      scene.note(`publish_many of 1,000${beside}`, many.perSecond, "events/s", {
        atLeast: MANY_GOAL,
      });
      await api.stop();
    }
    await noteFanOuts(scene);
  },
};

async function noteFanOuts({ database, note }: Scene): Promise<void> {
  for (const fan of WIDE.fans) {
    const times: number[] = [];
    for (let call = 0; call < FAN_OUT_CALLS; call++) {
      const startedAt = nowMs();
      await database.sql.query(
        "select posthorn.publish('message.created', $1::text, channel => $2, tenant => $3)",
        [payloadOf(1_024), `fan ${fan}`, WIDE.tenant],
      );
      times.push(nowMs() - startedAt);
    }
    const name = `one event to ${fan.toLocaleString("en")} webhooks, the publisher's statement`;
    note(name, median(times), "ms");
  }
}

async function pgbench(
  scene: Scene,
  tenant: string,
  channels: number,
  isKeyed: boolean,
): Promise<number> {
  const program = findPgbench();
  if (program === undefined) {
    console.log("pgbench is not installed: the SQL door is left out");
    return Number.NaN;
  }
  const folder = mkdtempSync(join(tmpdir(), "posthorn-bench-sql-"));
  const script = join(folder, "publish.sql");
  const key = isKeyed ? ", idempotency_key => gen_random_uuid()::text" : "";
  writeFileSync(
    script,
    `\\set n random(0, ${channels - 1})\nselect posthorn.publish('message.created', '${payloadOf(1_024)}', channel => (:n)::text, tenant => '${tenant}'${key});\n`,
  );
  const run = (seconds: number) =>
    promisify(execFile)(program, [
      ...["--no-vacuum", "--protocol=prepared", `--client=${CLIENTS}`, "--jobs=2"],
      ...[`--time=${seconds}`, `--file=${script}`, scene.database.url],
    ]);
  try {
    await run(2); // warm
    const { stdout } = await run(scene.seconds(WINDOW_S));
    return Number(/tps = ([\d.]+)/.exec(stdout)?.[1]);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function findPgbench(): string | undefined {
  const debian = "/usr/lib/postgresql"; // its pgbench is beside each version, not in the PATH
  const versions = existsSync(debian) ? readdirSync(debian) : [];
  const places = [
    ...(process.env["PATH"] ?? "").split(":"),
    ...versions.map((version) => join(debian, version, "bin")),
  ];
  return places.map((place) => join(place, "pgbench")).find((file) => existsSync(file));
}
