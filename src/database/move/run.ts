// Moves a tenant from one cell to another. Each step can be done again: what a move has come to is in `posthorn.placements`, at home and
// in both cells, so that the same command goes on where one was ended, or undoes what it had begun.
import type pg from "pg";

import { SECOND } from "../../kernel/duration.ts";
import { StartError } from "../../kernel/errors.ts";
import { lowestUuidAt } from "../../kernel/ids.ts";
import { LOCK, tryHold } from "../locks.ts";
import { clearEvents, LAST_ID } from "./clear.ts";
import { withClients, type Opened } from "./clients.ts";
import { copyTenant, makeDays, type Copying } from "./copy.ts";
import {
  lockPlace,
  markLeaving,
  markStaying,
  noteMove,
  readLeases,
  readPlace,
  writePlaces,
  type Place,
} from "./mark.ts";
import { countRows } from "./tables.ts";

const LOOK_EVERY_MS = SECOND / 2;

const CLOCKS_APART_MS = 10 * SECOND; // of two cells, generously: what comes earlier is sent on a little later

export type MoveOptions = Copying & {
  /** The name of the cell that it is to live in. */
  to: string;
  /** The cells' URLs by their names, the home's first. */
  cells: ReadonlyMap<string, string>;
  /** Hears what is being done. */
  tell: (line: string) => void;
  /** For how many days events are kept. */
  retentionD: number;
  wait: (ms: number) => Promise<void>;
};

/** What has become of it: `from` is null where the tenant lived there already. */
export type Moved = { from: string | null; rows: number };

/**
 * Moves a tenant, up to the switch; what it leaves behind is cleared by `clearNext`. Throws a StartError of one line where it can't,
 * or could not: then the tenant is where it was, or the line says that the command is to be run again.
 */
export async function moveTenant(options: MoveOptions): Promise<Moved> {
  const { cells, tenant, to } = options;
  if (!cells.has(to))
    throw new StartError(
      `there is no cell ${to}: DATABASE_URL and POSTHORN_CELLS make ${[...cells.keys()].join(", ")}; nothing was changed`,
    );
  return withClients(options.cells, async ({ home, open }) => {
    if (!(await tryHold(home, LOCK.move)))
      throw new StartError("another move is running; nothing was changed: run it again after that");
    const place = await findPlace(home, tenant);
    const beganAt = await readNow(home);
    const target = await open(to);
    const source = place.cell === to ? null : await open(place.cell);
    const isBack = place.moving_to !== null && place.cell === to;
    if (isBack) return giveUp(options, { home, place, open });
    if (!source) {
      await spread(options, open, place);
      return { from: null, rows: 0 };
    }
    if (place.moving_to !== null && place.moving_to !== to)
      throw new StartError(
        `${tenant} is being moved to ${place.moving_to} already: run posthorn tenants move ${tenant} --to ${place.moving_to} again, or --to ${place.cell} to give it up`,
      );
    await refuseStranger(source, tenant, place.cell);
    const arrived = await lockPlace(target, tenant, place);
    let rows = 0;
    if (hasArrived(arrived, { cell: to, moves: place.moves + 1 }))
      options.tell(`${tenant} was copied to ${to} before: going on with the switch`);
    else rows = await bring(options, { home, source, target, place });
    await turn(options, { home, source, place });
    await sendOnLatest(options, { source, target, beganAt });
    return { from: place.cell, rows };
  }).catch((error: unknown) => {
    if (error instanceof StartError) throw error;
    const why = error instanceof Error ? error.message : String(error);
    throw new StartError(`the move has stopped: ${why}; run it again, and it goes on`, {
      cause: error,
    });
  });
}

/** How many rows of each table would be moved, and from where. Nothing is changed. */
export async function countMove(
  options: MoveOptions,
): Promise<{ from: string; tables: { name: string; rows: number }[] }> {
  return withClients(options.cells, async ({ home, open }) => {
    const { cell } = await findPlace(home, options.tenant);
    await open(options.to);
    const source = await open(cell);
    await refuseStranger(source, options.tenant, cell);
    return { from: cell, tables: await countRows(source, options.tenant) };
  });
}

async function findPlace(home: pg.Client, tenant: string): Promise<Place> {
  const first = (await readPlace(home, "*"))?.cell ?? "home";
  return (await readPlace(home, tenant)) ?? { cell: first, moves: 0, moving_to: null };
}

// A tenant exists by being named: one without a row anywhere is likely a typing error.
async function refuseStranger(source: pg.Client, tenant: string, cell: string): Promise<void> {
  const tables = ["webhooks", "keys", "event_types", "events", "idempotency_keys"];
  const has = tables.map((name) => `exists (select from posthorn.${name} where tenant = $1)`);
  const { rows } = await source.query<{ has: boolean }>(`select ${has.join(" or ")} as has`, [
    tenant,
  ]);
  if (rows[0]?.has !== true)
    throw new StartError(
      `there is no tenant ${tenant}: it has nothing in ${cell}, where it would live; nothing was changed`,
    );
}

const hasArrived = (found: Place, { cell, moves }: Omit<Place, "moving_to">) =>
  found.cell === cell && found.moves === moves;

// Up to the commit in the target, whatever goes wrong is undone: nothing of it is there.
async function bring(
  options: MoveOptions,
  {
    home,
    source,
    target,
    place,
  }: Record<"home" | "source" | "target", pg.Client> & { place: Place },
): Promise<number> {
  const { tenant, to, tell, signal } = options;
  const leaving = { ...place, moving_to: to };
  try {
    tell(
      `${tenant} leaves ${place.cell}: nothing of it is sent or changed for now, and what is published waits`,
    );
    await noteMove(home, tenant, leaving);
    await markLeaving(source, tenant, leaving);
    await waitForLeases(options, source);
    await makeDays(source, target);
    await source.query("begin transaction isolation level repeatable read read only");
    await target.query("begin");
    await lockPlace(target, tenant, place); // whoever comes after this one waits for its end
    const rows = await copyTenant(source, target, options);
    signal.throwIfAborted();
    await source.query("commit");
    await writePlaces(target, [{ tenant, cell: to, moves: place.moves + 1 }]);
    await target.query("select posthorn.wake_workers()");
    await target.query("commit");
    return rows;
  } catch (error) {
    await Promise.all([source, target].map((client) => client.end().catch(() => {})));
    throw await undo(options, { place, error: signal.aborted ? signal.reason : error });
  }
}

async function waitForLeases({ tenant, tell, wait, signal }: MoveOptions, source: pg.Client) {
  for (let told = Infinity; ;) {
    signal.throwIfAborted();
    const { leases, seconds } = await readLeases(source, tenant);
    if (leases === 0) return;
    if (leases < told) tell(`waiting for ${leases} requests under way: ${seconds} s at most`);
    told = leases;
    await wait(LOOK_EVERY_MS);
  }
}

// By connections of its own: what those of before are in nobody knows. Answers what to say.
async function undo(
  options: MoveOptions,
  { place, error }: { place: Place; error: unknown },
): Promise<StartError> {
  const { tenant, to } = options;
  const why = error instanceof Error ? error.message : String(error);
  return withClients(options.cells, ({ home, open }) =>
    giveUp(options, { home, place: { ...place, moving_to: to }, open }),
  ).then(
    () =>
      new StartError(`the move was given up, and ${tenant} goes on in ${place.cell}: ${why}`, {
        cause: error,
      }),
    (cause: unknown) =>
      new StartError(
        `the move has stopped, and ${tenant} waits where it is: ${why}; run posthorn tenants move ${tenant} --to ${to} again, or --to ${place.cell} to give it up`,
        { cause },
      ),
  );
}

// Only where it has not arrived: then there are two of it, and the way is forward.
async function giveUp(
  { tenant, tell }: MoveOptions,
  { home, place, open }: { home: pg.Client; place: Place; open: Opened["open"] },
): Promise<Moved> {
  const { cell, moves, moving_to: to } = place;
  const target = await open(to ?? cell);
  if (hasArrived(await lockPlace(target, tenant, place), { cell: to ?? "", moves: moves + 1 }))
    throw new StartError(
      `${tenant} has arrived in ${to} already: run posthorn tenants move ${tenant} --to ${to} again`,
    );
  await markStaying(await open(cell), tenant);
  await noteMove(home, tenant, { cell, moves, moving_to: null });
  tell(`${tenant} stays in ${cell}, and goes on there`);
  return { from: null, rows: 0 };
}

// The home first: by its row a service knows where to send a call.
async function turn(
  { tenant, to, tell }: MoveOptions,
  { home, source, place }: { home: pg.Client; source: pg.Client; place: Place },
): Promise<void> {
  const there = [{ tenant, cell: to, moves: place.moves + 1 }];
  await writePlaces(home, there);
  await writePlaces(source, there);
  tell(`${tenant} lives in ${to} now, and is sent from there`);
}

// What a move that ended within its switch has not said to its old cell yet.
async function spread(
  { tenant, cells }: MoveOptions,
  open: Opened["open"],
  { cell, moves }: Place,
): Promise<void> {
  if (moves === 0) return;
  for (const other of cells.keys())
    await open(other)
      .then((client) => writePlaces(client, [{ tenant, cell, moves }]))
      .catch(() => {}); // one that is away hears of it by a service
}

// What was published while it was copied, and has waited for long enough: the rest that is left nobody misses.
async function sendOnLatest(
  { tenant, retentionD }: MoveOptions,
  { source, target, beganAt }: { source: pg.Client; target: pg.Client; beganAt: Date },
): Promise<void> {
  const span = {
    since: lowestUuidAt(new Date(beganAt.getTime() - CLOCKS_APART_MS)),
    until: LAST_ID,
  };
  for (let deleted = 1; deleted > 0;) {
    await source.query("begin");
    ({ deleted } = await clearEvents(source, target, { tenant, span, retentionD }));
    await source.query("commit");
  }
}

async function readNow(client: pg.Client): Promise<Date> {
  const { rows } = await client.query<{ now: Date }>("select now()");
  return rows[0]?.now ?? new Date(Number.NaN);
}
