// Redis for BullMQ, where it is installed: a job that is acknowledged is on disk, as with PostgreSQL.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

import { Redis } from "ioredis";

export type RedisServer = {
  url: string;
  /** Forgets all. */
  clear(): Promise<void>;
  stop(): Promise<void>;
};

/** Starts a Redis that writes each command to disk before it answers; undefined where there is none. */
export async function startRedis(): Promise<RedisServer | undefined> {
  const port = await freePort();
  const folder = mkdtempSync(join(tmpdir(), "posthorn-bench-redis-"));
  const settings = ["--port", port, "--bind", "127.0.0.1", "--dir", folder, "--save", ""];
  const child = spawn(
    "redis-server",
    [...settings.map(String), "--appendonly", "yes", "--appendfsync", "always"],
    { stdio: ["ignore", "pipe", "ignore"] },
  );
  const isReady = await new Promise<boolean>((resolve) => {
    child.once("error", () => resolve(false));
    child.once("exit", () => resolve(false));
    createInterface({ input: child.stdout }).on("line", (line) => {
      if (line.includes("Ready to accept connections")) resolve(true);
    });
  });
  const forget = () => rmSync(folder, { recursive: true, force: true });
  if (!isReady) {
    forget();
    return undefined;
  }
  const url = `redis://127.0.0.1:${port}`;
  return {
    url,
    async clear() {
      const client = new Redis(url);
      await client.flushall();
      await client.quit();
    },
    async stop() {
      const exited = once(child, "exit");
      child.kill("SIGTERM");
      await exited;
      forget();
    },
  };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}
