// Brokers of a test's own, on free ports of the loopback, with their data in a temporary folder.
import { spawn, type ChildProcess } from "node:child_process";
import { randomInt } from "node:crypto";
import { once } from "node:events";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

export type BrokerServer = {
  port: number;
  start(): Promise<unknown>;
  /** As by kill -9: whoever is connected is cut off; what was stored is there at the next start. */
  kill(): Promise<void>;
  /** Ends it, and removes its data. */
  remove(): Promise<void>;
};

/** Starts a NATS server with JetStream. */
export async function startNats(): Promise<BrokerServer> {
  const folder = await mkdtemp(join(tmpdir(), "posthorn-nats-"));
  const [port = 0] = await freePorts(1);
  const args = ["-js", "-a", "127.0.0.1", "-p", String(port), "-sd", folder];
  const server = program(() => run("nats-server", args), /Server is ready/);
  await server.start();
  return { port, ...server, remove: () => server.kill().then(() => removed(folder)) };
}

/** Starts a RabbitMQ, with the port mapper that Erlang wants on a port of its own. */
export async function startRabbitmq(): Promise<BrokerServer> {
  const folder = await mkdtemp(join(tmpdir(), "posthorn-rabbitmq-"));
  await mkdir(join(folder, "log"));
  const [port, between, mapper] = (await freePorts(3)).map(String);
  const env = {
    HOME: folder, // for its cookie
    ERL_EPMD_ADDRESS: "127.0.0.1",
    ERL_EPMD_PORT: mapper,
    RABBITMQ_NODENAME: "posthorn@localhost",
    RABBITMQ_NODE_IP_ADDRESS: "127.0.0.1",
    RABBITMQ_NODE_PORT: port,
    RABBITMQ_DIST_PORT: between,
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: "-kernel inet_dist_use_interface {127,0,0,1}",
    RABBITMQ_MNESIA_BASE: join(folder, "data"),
    RABBITMQ_LOG_BASE: join(folder, "log"),
    RABBITMQ_LOGS: "-",
    RABBITMQ_PID_FILE: join(folder, "pid"),
    RABBITMQ_ENABLED_PLUGINS_FILE: join(folder, "plugins"),
    RABBITMQ_CONF_ENV_FILE: join(folder, "environment"),
    RABBITMQ_CONFIG_FILE: join(folder, "settings"),
  };
  const epmd = run("epmd", ["-port", mapper ?? "", "-address", "127.0.0.1"]);
  // Beneath Debian's wrapper, which would become another user.
  const server = program(
    () => run("/usr/lib/rabbitmq/bin/rabbitmq-server", [], env),
    /Server startup complete/,
  );
  await server.start();
  return {
    port: Number(port),
    ...server,
    async kill() {
      // It writes down which queues there are some seconds after it has said so.
      const [code] = await once(
        run("/usr/lib/rabbitmq/bin/rabbitmqctl", ["eval", "mnesia:sync_log()."], env),
        "exit",
      );
      if (code !== 0) throw new Error(`rabbitmqctl ended with ${String(code)}`);
      await server.kill();
    },
    async remove() {
      await server.kill();
      await ended(epmd, "SIGKILL");
      await removed(folder);
    },
  };
}

/** Starts what librdkafka tests itself with, within kcat: a cluster that keeps nothing, and speaks Kafka's protocol. */
export async function startKafka(): Promise<BrokerServer> {
  const args = ["-P", "-b", "127.0.0.1", "-t", "unused", "-X", "test.mock.num.brokers=1"];
  const server = program(() => run("kcat", [...args, "-d", "mock"], {}, "pipe"), MOCK_AT);
  const said = await server.start();
  const port = Number(MOCK_AT.exec(said)?.[1]);
  return { port, kill: server.kill, remove: server.kill, start: server.start };
}

const MOCK_AT = /bootstrap\.servers=127\.0\.0\.1:(\d+)/;

function program(begin: () => ChildProcess, ready: RegExp) {
  let child: ChildProcess | undefined;
  return {
    async start(): Promise<string> {
      child = begin();
      return saying(child, ready);
    },
    async kill(): Promise<void> {
      if (child) await ended(child, "SIGKILL");
    },
  };
}

// A group of its own, since what is started may be a shell script that starts others.
function run(
  file: string,
  args: string[],
  env: Record<string, string | undefined> = {},
  input: "ignore" | "pipe" = "ignore", // kcat ends with its input
) {
  const { PATH = "", HOME = "" } = process.env;
  const child = spawn(file, args, {
    cwd: tmpdir(),
    env: { PATH: `${PATH}:/usr/sbin`, HOME, ...env },
    stdio: [input, "pipe", "pipe"],
    detached: true,
  });
  return child.on("error", () => {}); // told by what waits for it to be ready
}

function saying(child: ChildProcess, ready: RegExp): Promise<string> {
  return new Promise((resolve, reject) => {
    let said = "";
    for (const stream of [child.stdout, child.stderr])
      stream?.setEncoding("utf8").on("data", (text: string) => {
        if (ready.test((said += text))) resolve(said);
        said = said.slice(-10_000);
      });
    child.once("error", reject);
    child.once("exit", () => reject(new Error(`it ended before ${ready} was said: ${said}`)));
  });
}

async function ended(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
  const exited = once(child, "exit");
  process.kill(-child.pid, signal);
  await exited;
}

const removed = (folder: string) => rm(folder, { recursive: true, force: true, maxRetries: 10 });

// Below those that the system gives away by itself: nobody else is given one before its program listens, or while it is killed.
async function freePorts(count: number): Promise<number[]> {
  const found = new Set<number>();
  while (found.size < count) {
    const port = randomInt(20_000, 30_000);
    if (await isFree(port)) found.add(port);
  }
  return [...found];
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = net.createServer().once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}
