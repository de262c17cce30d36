// How the server is set: small, quiet, and out of the network's reach.
import { SOCKET_PORT } from "./socket-dir.ts";

/** The command line of `postgres`; it wins over whatever the cluster's own files say. */
export function serverArguments(options: {
  clusterDir: string;
  socketDir: string;
  durable: boolean;
  major: number;
}): string[] {
  const settings: Record<string, string | number> = {
    listen_addresses: "", // no TCP: no webhook, and no page in a browser, can reach it
    unix_socket_directories: quoted(options.socketDir),
    unix_socket_permissions: "0700",
    port: SOCKET_PORT,
    max_connections: 100,
    shared_buffers: "128MB",
    jit: "off", // compiling costs more than our statements take
    max_logical_replication_workers: 0, // spares one process
    timezone: "UTC",
    log_timezone: "UTC",
    // Refused statements stay out of the log: their text and their detail carry payloads and keys.
    log_min_messages: "log",
    log_checkpoints: "off",
    logging_collector: "off",
    log_destination: "stderr",
    ...(options.major >= 18 && { io_method: "sync" }), // spares three processes
    ...(!options.durable && NOT_DURABLE),
  };
  const pairs = Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
  return ["-D", options.clusterDir, ...pairs];
}

/** For tests: a crash of the machine loses data, and every commit is some ten times cheaper. */
const NOT_DURABLE = {
  fsync: "off",
  synchronous_commit: "off",
  full_page_writes: "off",
  wal_level: "minimal",
  max_wal_senders: 0,
};

/** The setting is a list, in which a comma or a space would begin the next folder. */
const quoted = (path: string) => `"${path.replaceAll('"', '""')}"`;
