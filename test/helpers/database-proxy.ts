// A line to a database that can be cut: what was asked arrives, the answer does not.
import { once } from "node:events";
import net, { type AddressInfo, type Socket } from "node:net";

import pg from "pg";

export type DatabaseProxy = {
  /** Leads to the same database, through here. */
  url: string;
  /** From now on a connection whose statement fits is cut off when its answer comes: it was done, and nobody hears of it. */
  loseAnswersTo(statement: RegExp | null): void;
  /** From now on no session whose first words fit is let in, and those that are in are ended; null lets all in. */
  refuse(startup: RegExp | null): void;
  /** Ends the connections there are; new ones work. */
  cut(): void;
  /** The connections there are stay open and say nothing any more; new ones work. */
  goSilent(): void;
  /** How many answers were lost. */
  readonly lost: number;
  close(): Promise<void>;
};

/** Starts the proxy before the database of `target`. */
export async function startDatabaseProxy(target: string): Promise<DatabaseProxy> {
  const { host, port, user = "", database = "" } = new pg.Client({ connectionString: target });
  const open = new Set<Socket>();
  const sessions = new Map<Socket, string>(); // what each said first: its user, database and settings
  const silent = new Set<Socket>();
  let refused: RegExp | null = null;
  let unanswered: RegExp | null = null;
  let lost = 0;
  const keep = (socket: Socket) =>
    open.add(socket.on("error", () => {}).once("close", () => open.delete(socket)));

  const server = net.createServer((here) => {
    const there = host.startsWith("/")
      ? net.connect(`${host}/.s.PGSQL.${port}`)
      : net.connect(port, host);
    let losesNext = false;
    keep(here);
    keep(there);
    here.on("close", () => sessions.delete(here));
    here.on("data", (chunk) => {
      if (!sessions.has(here)) sessions.set(here, chunk.toString("latin1"));
      if (refused?.test(sessions.get(here) ?? "")) return void here.destroy();
      if (unanswered?.test(chunk.toString("latin1"))) losesNext = true;
      if (!silent.has(here)) there.write(chunk);
    });
    there.on("data", (chunk) => {
      if (silent.has(here)) return;
      if (!losesNext) return void here.write(chunk);
      lost++;
      here.destroy();
      there.destroy();
    });
    here.on("close", () => there.end());
    there.on("close", () => here.end());
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const at = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url: `postgres://${user}@${at}/${database}`,
    loseAnswersTo: (statement) => void (unanswered = statement),
    refuse(startup) {
      refused = startup;
      for (const [socket, said] of sessions) if (startup?.test(said)) socket.destroy();
    },
    cut() {
      for (const socket of open) socket.destroy();
    },
    goSilent() {
      for (const socket of open) silent.add(socket);
    },
    get lost() {
      return lost;
    },
    async close() {
      for (const socket of open) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}
