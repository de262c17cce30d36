// A forward proxy on loopback: answers CONNECT by a tunnel, or by another status, and keeps what it was asked.
import { once } from "node:events";
import http from "node:http";
import https from "node:https";
import net, { type AddressInfo, type Socket } from "node:net";

export type Proxy = {
  url: URL;
  asked: { authority: string; authorization: string | undefined }[];
  close(): Promise<void>;
};

export type ProxyOptions = {
  /** What CONNECT is answered with; "silence" for never. */
  status?: number | "silence";
  host?: string;
  certificate?: { key: string; cert: string };
};

/** Starts the proxy. */
export async function startProxy(options: ProxyOptions = {}): Promise<Proxy> {
  const { status = 200, host = "127.0.0.1", certificate } = options;
  const asked: Proxy["asked"] = [];
  const open = new Set<Socket>();
  const server = certificate ? https.createServer(certificate) : http.createServer();
  const keep = (socket: Socket) => {
    open.add(socket);
    socket.on("error", () => {}).once("close", () => open.delete(socket));
  };
  server.on("connection", keep);
  server.on("connect", (request: http.IncomingMessage, socket: Socket) => {
    const authority = request.url ?? "";
    asked.push({ authority, authorization: request.headers["proxy-authorization"] });
    socket.on("error", () => {});
    if (status === "silence") return;
    if (status !== 200)
      return void socket.end(`HTTP/1.1 ${status} No\r\ncontent-length: 2\r\n\r\nno`);
    const { hostname, port } = new URL(`http://${authority}`);
    const target = net.connect(Number(port), hostname.replace(/^\[|\]$/g, ""), () => {
      socket.write("HTTP/1.1 200 Connection established\r\n\r\n");
      socket.pipe(target).pipe(socket);
    });
    keep(target);
  });
  server.listen(0, host);
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    url: new URL(`${certificate ? "https" : "http"}://${host}:${port}`),
    asked,
    async close() {
      for (const socket of open) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}
