// The databases of a process by their cells' names, and which of them a call goes to. Without POSTHORN_CELLS there is the home
// alone, and nothing is asked.
import type { Config } from "../config.ts";
import { cellNames, HOME, settingsOfCell } from "../config/cells.ts";
import { connect } from "../database/connect.ts";
import type { OpenDatabase } from "../database/open.ts";
import { inOneLine, ofCell } from "../database/one-line.ts";
import { markCell } from "../database/settings.ts";
import type { AppOptions } from "../http/app.ts";
import { monotonic } from "../kernel/clock.ts";
import { StartError } from "../kernel/errors.ts";
import { databaseError, isDatabaseAbsent, SessionRefused } from "../kernel/faults.ts";
import { ALL_TENANTS } from "../kernel/fields.ts";
import { partOf, wholeRoom, type Places } from "../kernel/lists.ts";
import type { Log } from "../kernel/log.ts";
import type { FindKey } from "../kernel/scopes.ts";
import type { AskedCell } from "../rpc/over-cells.ts";
import type { Context, Unplaced } from "../rpc/trpc.ts";
import { publishersKeyFinder } from "../keys/finder.ts";
import { tenantNamedBy } from "../store/keys.ts";
import { CELL_AWAY, type Cell } from "./cell.ts";
import { createCellWatch, keepDoing } from "./cell-watch.ts";
import { tellClocksApart } from "./clocks.ts";
import { createCopies } from "./copies.ts";
import { openServiceDatabase } from "./database.ts";
import { createPlacing } from "./placing.ts";

export type Cells = Pick<AppOptions, "createContext" | "createOpenContext"> & {
  findKey: FindKey;
  findPublishersKey: FindKey;
  /** Opens the cells beside the home. Throws a StartError of one line where one can't be used; one that is away is opened later. */
  open(): Promise<void>;
  /** Starts delivering, in those that are opened later too; answers how to stop it. */
  deliver(): () => Promise<void>;
  /** All that there are to be, home first; `opened` answers one that there is. */
  names: readonly string[];
  opened(name: string): Cell | undefined;
  /** Whether each can be worked with, as it was seen some seconds ago; nothing where there is none beside the home. */
  up(): Readonly<Record<string, boolean>>;
  close(): Promise<void>;
};

/** Creates them around the home; `create` makes one of an opened database. */
export function createCells(
  home: Cell,
  config: Config,
  log: Log,
  create: (name: string, database: OpenDatabase) => Cell,
): Cells {
  const names = cellNames(config);
  const wanted = names.slice(1);
  const opened = new Map([[HOME, home]]);
  const stops: (() => Promise<void>)[] = [];
  const watches: (() => Promise<void>)[] = [];
  const watch = createCellWatch(names, (name) => opened.get(name));
  let isDelivering = false;
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

  async function openOne(name: string): Promise<void> {
    const own = settingsOfCell(config, name);
    const database = await openServiceDatabase(own, log.child({ cell: name }), {});
    let cell: Cell | undefined;
    try {
      const mark = await markOf(database.directUrl, { cell: name, home: homeMark });
      if (mark.cell !== name || mark.home !== homeMark) throw refusal(name, mark, homeMark);
      cell = create(name, database);
      await inOneLine(refuseSessions(cell));
      await cell.replica?.start();
      opened.set(name, cell);
      if (isDelivering) stops.push(cell.deliver(others));
      await bringUpToDate(cell);
      await tellClocksApart(home, cell, log);
    } catch (error) {
      if (opened.has(name)) throw error;
      await cell?.close();
      await database.close();
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

  const bringUpToDate = createCopies(home, () => [...opened.values()], log);
  const others = (name: string) => opened.get(name);
  const besides = () => [...opened.values()].filter((cell) => cell !== home);

  // What keeps a cell away stops nobody else: the log says it, once for each reason.
  const said = new Map<string, string>();
  function tellAway(cell: string, err: unknown): void {
    const reason = isDatabaseAbsent(rootOf(err)) ? "away" : String(err);
    if (said.get(cell) !== reason) log.warn({ cell, err }, CELL_AWAY);
    said.set(cell, reason);
  }

  async function attendTo(name: string): Promise<void> {
    const cell = opened.get(name);
    if (cell) return bringUpToDate(cell);
    await ofCell(name, openOne(name)).then(
      () => log.info({ cell: name }, "a cell is there"),
      (err: unknown) => tellAway(name, err),
    );
  }

  const contextOf = (...[caller, request]: Parameters<AppOptions["createContext"]>): Unplaced => {
    const room = wholeRoom(request.enlarge);
    const of = async (tenant: string | null, writes = true): Promise<Context> => {
      const its = await cellOf(tenant, writes);
      const writesOf = writes && tenant !== null && tenant !== ALL_TENANTS ? tenant : undefined;
      return its.createContext(caller, { ...request, writesOf }, room);
    };
    const cells = () => {
      let agreed: Date | undefined;
      const asOf = (now: Date) => (agreed ??= now);
      return names.map((name): AskedCell<Context> => {
        let page: Places | undefined;
        const tell = (told: Places) => void (page = told);
        const part = partOf(room, names.length, { tell, asOf });
        const its = opened.get(name)?.createContext(caller, request, part);
        return {
          name,
          context: its ? { ...its, session: sessionOf(its) } : null,
          page: () => page,
        };
      });
    };
    const atHome = () => home.createContext(caller, request, room);
    const sessionOf = ({ session }: Context) => ({
      ...session,
      ...(caller.scope === "admin" && { keyStore: () => atHome().session.store }),
    });
    const over = (its: Context): Context => ({
      ...its,
      read: (work) => its.read((read) => work(over(read))),
      home: () => Promise.resolve(atHome()),
      session: sessionOf(its),
      keys: { ...its.keys, of: async (tenant) => (await of(tenant)).keys },
      portal: { ...its.portal, of: async (tenant) => (await of(tenant)).portal },
    });
    return {
      caller,
      requestId: request.requestId,
      placed: async () => over(await of(caller.tenant, request.writes)),
      cells,
      ownCell: () => placing.cellOf(caller.tenant, false).catch(() => null),
    };
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
        const tenant = tenantNamedBy(token);
        const its = await cellOf(tenant, false);
        return its.createOpenContext(address, { ...request, writesOf: tenant ?? undefined }).portal;
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
      for (const name of wanted)
        await ofCell(name, openOne(name)).catch((err: unknown) => {
          const root = rootOf(err);
          if (isSet(root) || !isDatabaseAbsent(root)) throw err;
          tellAway(name, err);
        });
      await watch.look();
      watches.push(
        keepDoing(watch.look),
        keepDoing(() => bringUpToDate(home)),
        ...wanted.map((name) => keepDoing(() => attendTo(name))),
      );
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
    names,
    opened: others,
    up: () => (wanted.length === 0 ? {} : watch.up()),
    async close() {
      await Promise.all(watches.map((stop) => stop()));
      await Promise.all([...opened.values()].map((cell) => cell.close()));
      await Promise.all(besides().map((cell) => cell.database.close()));
    },
  };
}

// Behind a pooler a session's settings are its role's: each part's are looked at before they are worked with.
async function refuseSessions({ pools }: Cell): Promise<void> {
  const root = rootOf((await pools.fault())?.cause);
  if (root instanceof SessionRefused) throw root;
}

// By somebody who is there to set it otherwise: a role's settings, or a pooler that nobody has named.
function isSet(error: unknown): boolean {
  return error instanceof SessionRefused || databaseError(error)?.code === PROTOCOL_VIOLATION;
}

const PROTOCOL_VIOLATION = "08P01"; // so a pooler calls what a session is to be set to

function rootOf(error: unknown): unknown {
  const { cause } = Object(error) as { cause?: unknown };
  return cause === undefined ? error : rootOf(cause);
}

const ADOPT = "to adopt it: delete from posthorn.settings where name in ('cell', 'cell_of')";

function refusal(cell: string, mark: { cell: string; home: string }, home: string): StartError {
  const whose =
    mark.home === home
      ? `it is this installation's cell ${mark.cell}`
      : `it is the cell ${mark.cell} of installation ${mark.home}, and here is ${home}`;
  return new StartError(`POSTHORN_CELLS, ${cell}: ${whose}; ${ADOPT}`);
}
