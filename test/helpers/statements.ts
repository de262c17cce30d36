// Every statement that is sent over a line to a database, by the wire's own messages.
import { once } from "node:events";
import net, { type AddressInfo, type Socket } from "node:net";

import pg from "pg";

/** A statement as it was sent; `name` is that of a prepared one. */
export type Sent = { text: string; name: string };

export type Tap = {
  /** Leads to the same database, through here. */
  url: string;
  port: number;
  sent: Sent[];
  close(): Promise<void>;
};

/** Starts the tap before the database of `target`. */
export async function startTap(target: string): Promise<Tap> {
  const { host, port, user = "", database = "" } = new pg.Client({ connectionString: target });
  const open = new Set<Socket>();
  const sent: Sent[] = [];
  const server = net.createServer((here) => {
    const there = host.startsWith("/")
      ? net.connect(`${host}/.s.PGSQL.${port}`)
      : net.connect(port, host);
    for (const socket of [here, there])
      open.add(socket.on("error", () => {}).once("close", () => open.delete(socket)));
    const read = reader((message) => sent.push(message));
    here.on("data", read).pipe(there).pipe(here);
    here.on("close", () => there.destroy());
    there.on("close", () => here.destroy());
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const at = (server.address() as AddressInfo).port;
  return {
    url: `postgres://${user}@127.0.0.1:${at}/${database}`,
    port: at,
    sent,
    async close() {
      for (const socket of open) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}

const SSL_REQUEST = 80_877_103;

// A message is a letter, its length and its body; the first ones, of the start, have no letter.
function reader(take: (sent: Sent) => void): (chunk: Buffer) => void {
  let rest: Buffer = Buffer.alloc(0);
  let hasStarted = false;
  return (chunk) => {
    rest = Buffer.concat([rest, chunk]);
    for (;;) {
      const head = hasStarted ? 1 : 0;
      if (rest.length < head + 4) return;
      const end = head + rest.readUInt32BE(head);
      if (rest.length < end) return;
      const [letter, body] = [rest.toString("latin1", 0, head), rest.subarray(head + 4, end)];
      rest = rest.subarray(end);
      if (!hasStarted) hasStarted = body.readUInt32BE(0) !== SSL_REQUEST;
      const [first = "", second = ""] = body.toString("utf8").split("\0", 2);
      if (letter === "Q") take({ text: first, name: "" });
      if (letter === "P") take({ text: second, name: first });
    }
  };
}
