// posthorn tenants move: what it refuses, and what is left where it is killed.
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import type pg from "pg";

import { until } from "../helpers/api.ts";
import { createTestDatabase } from "../helpers/database.ts";
import { makeTwoCells, type TwoCells } from "../helpers/move.ts";
import { posthorn, type Running } from "../helpers/process.ts";
import { SECRETS_KEY } from "../helpers/service.ts";
import { typed } from "../helpers/terminal.ts";
import { untilWaiting } from "../helpers/waiting.ts";
import { makeWebhooks } from "../helpers/webhooks.ts";

let cells: TwoCells;
let env: Record<string, string>;
beforeAll(async () => {
  cells = await makeTwoCells();
  env = {
    DATABASE_URL: cells.urls.home,
    POSTHORN_CELLS: `us=${cells.urls.us},away=postgres://u:a-secret@127.0.0.1:1/none`,
    POSTHORN_SECRETS_KEY: SECRETS_KEY,
  };
  for (const tenant of TENANTS) {
    await makeWebhooks(cells.home, tenant, 1);
    await publish(tenant);
  }
});
afterAll(() => cells.close());

const TENANTS = ["acme", "killed-marked", "killed-copying", "killed-arrived"];
const publish = (tenant: string) =>
  cells.home.query("select posthorn.publish('message.created', '{}', tenant => $1)", [tenant]);
const placed = async (pool: pg.Pool, tenant: string) =>
  (
    await pool.query("select cell, moves, moving_to from posthorn.placements where tenant = $1", [
      tenant,
    ])
  ).rows;
const counts = async (tenant: string) =>
  Promise.all(
    [cells.home, cells.us].map(async (pool) => {
      const { rows } = await pool.query(
        "select count(*)::integer as n from posthorn.deliveries where tenant = $1",
        [tenant],
      );
      return rows[0].n as number;
    }),
  );
/** Ends a move as if its machine were gone, with its sessions. */
async function kill(running: Running): Promise<void> {
  running.kill("SIGKILL");
  await running.exited;
  for (const pool of [cells.home, cells.us])
    await pool.query(
      `select pg_terminate_backend(pid) from pg_stat_activity
       where application_name = 'posthorn move' and datname = current_database()`,
    );
}
/** Moves, once the server has seen that a move before is over. */
const moveAfter = (tenant: string, to: string) =>
  until(
    () =>
      cells.move(tenant, to).then(
        () => "",
        (error: Error) => error.message,
      ),
    (said) => !said.startsWith("another move is running"),
  );
const move = (...args: string[]) => typed(["tenants", "move", ...args], { env });

test("what can't be moved is refused in one line, and nothing is changed", async () => {
  for (const [tenant, to, line] of [
    [
      "acme",
      "eu",
      /^posthorn: there is no cell eu: DATABASE_URL and POSTHORN_CELLS make home, us, away; /,
    ],
    [
      "nobody",
      "us",
      /^posthorn: there is no tenant nobody: it has nothing in home, where it would live; /,
    ],
    ["acme", "away", /^posthorn: the cell away: /],
  ] as const) {
    const { code, out, err } = await move(tenant, "--to", to);
    expect([code, out]).toEqual([1, ""]);
    expect(err).toMatch(line);
    expect(err.trimEnd()).not.toContain("\n");
    expect(err).not.toContain("a-secret");
  }
  expect(await move("acme", "--to", "home")).toEqual({
    code: 0,
    out: "acme lives in home: nothing was moved.\n",
    err: "",
  });
  const dry = await move("acme", "--to", "us", "--dry-run");
  expect([dry.code, dry.err]).toEqual([0, ""]);
  expect(dry.out).toMatch(/^deliveries +1$/m);
  expect(dry.out).toMatch(/^acme lives in home, with \d+ rows; nothing was changed.$/m);
  expect(await counts("acme")).toEqual([1, 0]);
  expect(await placed(cells.us, "acme")).toEqual([]);
  const alone = await typed(["tenants", "move", "acme", "--to", "us"], {
    env: { DATABASE_URL: cells.urls.home, POSTHORN_SECRETS_KEY: SECRETS_KEY },
  });
  expect([alone.code, alone.err]).toEqual([
    2,
    "posthorn: there are no cells to move to: POSTHORN_CELLS is not set (docs/cells.md)\n",
  ]);
});

test("a database that no service has made a cell is refused", async () => {
  const other = await createTestDatabase();
  const { code, err } = await typed(["tenants", "move", "acme", "--to", "us"], {
    env: { ...env, POSTHORN_CELLS: `us=${other.url}` },
  });
  await other.drop();
  expect(code).toBe(1);
  expect(err).toMatch(
    /^posthorn: the database of the cell us is no cell yet: start a service .*\n$/,
  );
});

test("killed while it waits for requests, it can be given up, and goes on where it is run again", async () => {
  const tenant = "killed-marked";
  await cells.home.query(
    "update posthorn.deliveries set locked_until = now() + interval '1 hour' where tenant = $1",
    [tenant],
  );
  const running = await posthorn(["tenants", "move", tenant, "--to", "us"], env);
  await running.line(/^waiting for 1 requests under way/);
  await kill(running);
  expect(await placed(cells.home, tenant)).toEqual([{ cell: "home", moves: 0, moving_to: "us" }]);
  await publish(tenant);
  expect(await moveAfter(tenant, "home")).toBe("");
  await publish(tenant);
  expect(await counts(tenant)).toEqual([3, 0]);
  expect(await placed(cells.home, tenant)).toEqual([{ cell: "home", moves: 0, moving_to: null }]);
});

test("killed while it copies, it has brought nothing; run again, it brings all", async () => {
  const tenant = "killed-copying";
  const holder = await cells.us.connect();
  await holder.query("begin");
  await holder.query("lock table posthorn.event_payloads");
  const running = await posthorn(["tenants", "move", tenant, "--to", "us"], env);
  await untilWaiting(holder);
  await kill(running);
  await holder.query("rollback");
  holder.release();
  expect(await counts(tenant)).toEqual([1, 0]);
  expect(await moveAfter(tenant, "us")).toBe("");
  await cells.clear(tenant, "home", "us");
  expect(await counts(tenant)).toEqual([0, 1]);
});

test("killed between its arrival and the switch, it sends from nowhere twice: run again, it switches, and can't be given up", async () => {
  const tenant = "killed-arrived";
  await cells.home.query(
    "update posthorn.deliveries set locked_until = now() + interval '1 hour' where tenant = $1",
    [tenant],
  );
  const running = await posthorn(["tenants", "move", tenant, "--to", "us"], env);
  await running.line(/^waiting for 1 requests under way/);
  const holder = await cells.home.connect();
  await holder.query("begin");
  await holder.query("select from posthorn.placements where tenant = $1 for update", [tenant]);
  await cells.home.query("update posthorn.deliveries set locked_until = null where tenant = $1", [
    tenant,
  ]);
  await untilWaiting(holder);
  await kill(running);
  await holder.query("rollback");
  holder.release();
  const [there] = await placed(cells.us, tenant);
  expect(there).toEqual({ cell: "us", moves: 1, moving_to: null });
  expect(await counts(tenant)).toEqual([1, 1]);
  const { rows } = await cells.home.query(
    "select leaves from posthorn.webhook_states where webhook_id in (select webhook_id from posthorn.webhooks where tenant = $1)",
    [tenant],
  );
  expect(rows).toEqual([{ leaves: true }]); // so none of it is claimed here
  expect(await moveAfter(tenant, "home")).toBe(
    `${tenant} has arrived in us already: run posthorn tenants move ${tenant} --to us again`,
  );
  await cells.move(tenant, "us");
  await cells.clear(tenant, "home", "us");
  expect(await counts(tenant)).toEqual([0, 1]);
  expect(await placed(cells.home, tenant)).toEqual([{ cell: "us", moves: 1, moving_to: null }]);
});
