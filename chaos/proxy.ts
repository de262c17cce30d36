// The way between the service and its database, and what can go wrong on it.
import net, { type AddressInfo, type Socket } from "node:net";
import { once } from "node:events";

export type FaultProxy = {
  port: number;
  /** Closes every connection; new ones are let through. */
  cut(): void;
  /** Holds every byte back, in both directions and of new connections too, until `resume`. */
  pause(): void;
  resume(): void;
  /** Half-open: what is connected now stays so for ever, and hears nothing any more. New connections work. */
  goSilent(): void;
  /** Lets each piece wait so long, in either direction. */
  delay(ms: number): void;
  close(): Promise<void>;
};

type Pair = { client: Socket; server: Socket; isSilent: boolean };

/** Starts a proxy on a free port of the loopback, before the server behind a socket file. */
export async function startProxy(socketFile: () => string): Promise<FaultProxy> {
  const pairs = new Set<Pair>();
  let isPaused = false;
  let delayMs = 0;

  const listener = net.createServer((client) => {
    const pair: Pair = { client, server: net.connect(socketFile()), isSilent: false };
    pairs.add(pair);
    forward(pair, client, pair.server);
    forward(pair, pair.server, client);
  });

  function forward(pair: Pair, from: Socket, to: Socket): void {
    from.setNoDelay(true);
    from.on("data", (bytes: Buffer) => {
      if (pair.isSilent) return;
      if (delayMs > 0) setTimeout(() => to.writable && to.write(bytes), delayMs);
      else if (!to.write(bytes)) from.pause();
    });
    to.on("drain", () => {
      if (!isPaused) from.resume();
    });
    from.on("error", () => {}); // the close that follows says the same
    from.once("close", (hadError) => {
      if (pair.isSilent) return; // the other side is never told
      pairs.delete(pair);
      if (hadError) to.destroy();
      else to.end();
    });
    if (isPaused) from.pause();
  }

  const both = () => [...pairs].flatMap(({ client, server }) => [client, server]);
  listener.listen(0, "127.0.0.1");
  await once(listener, "listening");
  return {
    port: (listener.address() as AddressInfo).port,
    cut() {
      for (const socket of both()) socket.destroy();
    },
    pause() {
      isPaused = true;
      for (const socket of both()) socket.pause();
    },
    resume() {
      isPaused = false;
      for (const socket of both()) socket.resume();
    },
    goSilent() {
      for (const pair of pairs) pair.isSilent = true;
    },
    delay(ms) {
      delayMs = ms;
    },
    async close() {
      for (const socket of both()) socket.destroy();
      listener.close();
      await once(listener, "close");
    },
  };
}
