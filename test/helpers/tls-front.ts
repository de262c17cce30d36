// What stands before a database and speaks TLS for it, or refuses to: as a managed provider's does.
import { once } from "node:events";
import net, { type AddressInfo, type Socket } from "node:net";
import tls from "node:tls";

const SSL_REQUEST = 80_877_103; // PostgreSQL's protocol, 54.7
const NO_ENTRY =
  'no pg_hba.conf entry for host "127.0.0.1", user "app", database "app", no encryption';

export type TlsFront = {
  port: number;
  /** How each connection came through. */
  taken: ("tls" | "plain")[];
  close(): Promise<void>;
};

/** Starts it before the server on a socket file. Without a certificate it takes no TLS; `demanded` refuses all else. */
export async function startTlsFront(
  socketFile: string,
  {
    certificate,
    demanded = false,
  }: { certificate?: { key: string; cert: string }; demanded?: boolean },
): Promise<TlsFront> {
  const taken: TlsFront["taken"] = [];
  const open = new Set<Socket>();
  const keep = <S extends Socket>(socket: S) => {
    open.add(socket);
    socket.on("error", () => socket.destroy()).once("close", () => open.delete(socket));
    return socket;
  };
  const join = (client: Socket, how: "tls" | "plain", first?: Buffer) => {
    taken.push(how);
    const server = keep(net.connect(socketFile));
    if (first) server.write(first);
    client.pipe(server).pipe(client);
    client.once("close", () => server.destroy());
    server.once("close", () => client.destroy());
  };
  const welcome = (client: Socket) =>
    client.once("data", (bytes: Buffer) => {
      const asksForTls = bytes.length === 8 && bytes.readInt32BE(4) === SSL_REQUEST;
      if (!asksForTls && demanded) return void client.end(errorResponse("28000", NO_ENTRY));
      if (!asksForTls) return join(client, "plain", bytes);
      client.write(certificate ? "S" : "N");
      if (!certificate) return void welcome(client);
      const secured = new tls.TLSSocket(client, { isServer: true, ...certificate });
      join(keep(secured), "tls");
    });
  const server = net.createServer((client) => void welcome(keep(client)));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    taken,
    async close() {
      for (const socket of open) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}

function errorResponse(code: string, message: string): Buffer {
  const fields = Buffer.from(`SFATAL\0VFATAL\0C${code}\0M${message}\0\0`);
  const head = Buffer.alloc(5);
  head.write("E");
  head.writeInt32BE(4 + fields.length, 1);
  return Buffer.concat([head, fields]);
}
