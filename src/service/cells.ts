// The databases of a process by their cells' names, and which of them a call goes to. Without POSTHORN_CELLS there is the home
// alone, and nothing is asked.
import type pg from "pg";

import type { Config } from "../config.ts";
import { HOME, type CellUrl } from "../config/cells.ts";
import { connect } from "../database/connect.ts";
import type { OpenDatabase } from "../database/open.ts";
import { markCell } from "../database/settings.ts";
import type { AppOptions } from "../http/app.ts";
import { createAlarm } from "../delivery/alarm.ts";
import { monotonic } from "../kernel/clock.ts";
import { SECOND } from "../kernel/duration.ts";
import { StartError } from "../kernel/errors.ts";
import { isDatabaseAbsent, SessionRefused } from "../kernel/faults.ts";
import { ALL_TENANTS } from "../kernel/fields.ts";
import type { Log } from "../kernel/log.ts";
import type { FindKey } from "../kernel/scopes.ts";
import type { Context } from "../rpc/trpc.ts";
import { publishersKeyFinder } from "../keys/finder.ts";
import { tenantNamedBy } from "../store/keys.ts";
import { copyPlacements } from "../store/placements.ts";
import type { Cell } from "./cell.ts";
import { openServiceDatabase } from "./database.ts";
import { createPlacing } from "./placing.ts";

const LOOK_EVERY_MS = 5 * SECOND; // for a cell that was away at the start, and for placements that a copy lacks

export type Cells = Pick<AppOptions, "createContext" | "createOpenContext"> & {
  findKey: FindKey;
  findPublishersKey: FindKey;
  /** Opens the cells beside the home. Throws a StartError of one line where one can't be used; one that is away is opened later. */
  open(): Promise<void>;
  /** Starts delivering, in those that are opened later too; answers how to stop it. */
  deliver(): () => Promise<void>;
  close(): Promise<void>;
};

/** Creates them around the home; `create` makes one of an opened database. */
export function createCells(
  home: Cell,
  config: Config,
  log: Log,
  create: (name: string, database: OpenDatabase) => Cell,
): Cells {
  const wanted = config.POSTHORN_CELLS ?? [];
  const wantedNames = [HOME, ...wanted.map(({ name }) => name)];
  const opened = new Map([[HOME, home]]);
  const stops: (() => Promise<void>)[] = [];
  const alarm = createAlarm();
  let isDelivering = false;
  let isClosing = false;
  let looking: Promise<void> | undefined;
  let homeMark = "";

  const placing = createPlacing(
    () => new Map([...opened].map(([name, cell]) => [name, cell.pools.publishing.pool])),
    { first: config.POSTHORN_DEFAULT_CELL, monotonic },
  );

  function named(name: string): Cell {
    const cell = opened.get(name);
    if (cell) return cell;
    throw new SessionRefused(`the cell ${name} is away, or is none of POSTHORN_CELLS`);
  }

  async function cellOf(tenant: string | null, writes: boolean): Promise<Cell> {
    if (wanted.length === 0 || tenant === null || tenant === ALL_TENANTS) return home;
    return named(await placing.cellOf(tenant, writes));
  }

  async function openOne({ name, url }: CellUrl): Promise<void> {
    const setting = `POSTHORN_CELLS, ${name}`;
    const own = {
      ...config,
      DATABASE_URL: url,
      DATABASE_DIRECT_URL: null,
      DATABASE_READ_URL: null,
      POSTHORN_POOLER: null,
    };
    const database = await openServiceDatabase(own, log, { setting });
    try {
      const mark = await markOf(database.url, { cell: name, home: homeMark });
      if (mark.cell !== name || mark.home !== homeMark) throw refusal(setting, mark, homeMark);
      const cell = create(name, database);
      opened.set(name, cell);
      if (isDelivering) stops.push(cell.deliver(others));
      await copyTo(cell);
    } catch (error) {
      if (!opened.has(name)) await database.close();
      throw error;
    }
  }

  async function markOf(url: string, mark: { cell: string; home: string | null }) {
    const connection = connect(url, { name: "prepare", max: 1, log });
    try {
      return await markCell(connection.db, { ...mark, first: config.POSTHORN_DEFAULT_CELL });
    } finally {
      await connection.close();
    }
  }

  const copiedUntil = new Map<Cell, Date>(); // by home's clock
  async function copyTo(cell: Cell): Promise<void> {
    const [from, to] = [home, cell].map(({ pools }) => pools.publishing.pool) as [pg.Pool, pg.Pool];
    const until = await copyPlacements(from, to, copiedUntil.get(cell));
    if (until) copiedUntil.set(cell, until);
  }

  const others = (name: string) => opened.get(name);
  const besides = () => [...opened.values()].filter((cell) => cell !== home);
  const missing = () => wanted.filter(({ name }) => !opened.has(name));

  // What keeps a cell away later stops nobody else: the log says it, once for each reason.
  async function lookAgain(): Promise<void> {
    const said = new Map<string, string>();
    for (;;) {
      await alarm.wait(LOOK_EVERY_MS);
      if (isClosing) return;
      for (const each of missing()) {
        await openOne(each).then(
          () => log.info({ cell: each.name }, "a cell is there"),
          (err: unknown) => {
            const text = String(err);
            if (said.get(each.name) !== text) log.warn({ cell: each.name, err }, AWAY);
            said.set(each.name, text);
          },
        );
      }
      for (const cell of besides()) await copyTo(cell).catch(() => {}); // who is away is told of by others
    }
  }

  // What an admin asks of keys and tenants is of all cells.
  const contextOf: AppOptions["createContext"] = async (caller, request) => {
    const cell = await cellOf(caller.tenant, request.writes);
    const context = await cell.createContext(caller, request);
    const everywhere = () => wantedNames.map((name) => named(name).pools.calls.db);
    const of = async (tenant: string | null): Promise<Context> => {
      const its = await cellOf(tenant, true);
      return its.createContext(caller, request);
    };
    const over = (its: Context): Context => ({
      ...its,
      read: (work) => its.read((read) => work(over(read))),
      keys: { ...its.keys, everywhere, of: async (tenant) => (await of(tenant)).keys },
      portal: { ...its.portal, of: async (tenant) => (await of(tenant)).portal },
      tenants: { ...its.tenants, everywhere },
    });
    return over(context);
  };

  const keyRoom = (find: (cell: Cell) => FindKey): FindKey => {
    return async (key) => {
      const tenant = wanted.length === 0 ? null : tenantNamedBy(key);
      return find(await cellOf(tenant, false))(key);
    };
  };
  const findKey = keyRoom((cell) => cell.findKey);
  const findNamed = publishersKeyFinder(findKey, monotonic);

  return {
    findKey,
    // The statement that stores judges a key where it stores, so that one which lives elsewhere is judged before.
    findPublishersKey: (key) =>
      wanted.length === 0 || tenantNamedBy(key) !== null ? findNamed(key) : findKey(key),
    createOpenContext(address, request) {
      const context = home.createOpenContext(address, request);
      if (wanted.length === 0) return context;
      const of = async (token: string) => {
        const its = await cellOf(tenantNamedBy(token), false);
        return its.createOpenContext(address, request).portal;
      };
      return { ...context, portal: { ...context.portal, of } };
    },
    createContext: (caller, request) => {
      if (wanted.length === 0) return home.createContext(caller, request);
      return contextOf(caller, request);
    },
    async open() {
      if (wanted.length === 0) return;
      const mark = await markOf(home.database.directUrl, { cell: HOME, home: null });
      if (mark.cell !== HOME)
        throw new StartError(
          `DATABASE_URL: this database is the cell ${mark.cell} of installation ${mark.home}, not a home; ${ADOPT}`,
        );
      homeMark = mark.home;
      for (const each of wanted)
        await openOne(each).catch((err: unknown) => {
          if (!isDatabaseAbsent(rootOf(err))) throw err;
          log.warn({ cell: each.name, err }, AWAY);
        });
      looking = lookAgain();
    },
    deliver() {
      isDelivering = true;
      const to = wanted.length > 0 ? others : null;
      stops.push(...[...opened.values()].map((cell) => cell.deliver(to)));
      return async () => {
        isDelivering = false;
        await Promise.all(stops.map((stop) => stop()));
      };
    },
    async close() {
      isClosing = true;
      alarm.wake();
      await looking;
      await Promise.all([...opened.values()].map((cell) => cell.close()));
      await Promise.all(besides().map((cell) => cell.database.close()));
    },
  };
}

function rootOf(error: unknown): unknown {
  const { cause } = Object(error) as { cause?: unknown };
  return cause === undefined ? error : rootOf(cause);
}

const AWAY = "a cell is away: its tenants are answered 503 until it can be worked with; trying on";
const ADOPT = "to adopt it: delete from posthorn.settings where name in ('cell', 'cell_of')";

function refusal(setting: string, mark: { cell: string; home: string }, home: string): StartError {
  const whose =
    mark.home === home
      ? `it is this installation's cell ${mark.cell}`
      : `it is the cell ${mark.cell} of installation ${mark.home}, and here is ${home}`;
  return new StartError(`${setting}: ${whose}; ${ADOPT}`);
}
