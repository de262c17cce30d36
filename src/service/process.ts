// What a process has once, however many databases it works with: who is sent to, by how many requests, and what judges payloads.
import type { Config } from "../config.ts";
import type { Connections, Role } from "../database/connections.ts";
import type { OpenDatabase } from "../database/open.ts";
import { createSlots, type Slots } from "../delivery/slots.ts";
import { workerName } from "../delivery/worker-name.ts";
import { parseCidrs, type AddressRules } from "../egress/address.ts";
import { followAuthorities } from "../egress/authorities.ts";
import { createEgress, type Egress } from "../egress/client.ts";
import type { Endpoint } from "../egress/endpoint.ts";
import { createJudging, type Judging } from "../event-types/judging/index.ts";
import { urlOf } from "../http/listen.ts";
import { monotonic } from "../kernel/clock.ts";
import type { Log } from "../kernel/log.ts";
import { createWaitingRooms, type WaitingRooms } from "../kernel/waiting-room.ts";

const LOOPBACK = "127.0.0.0/8,::1/128";

export type Process = {
  role: Role;
  config: Config;
  log: Log;
  /** To each database. */
  connections: Connections;
  /** How long a publish waits while its database is away. */
  waitMs: number;
  /** Where it listens. */
  listeners: Endpoint[];
  /** The databases that it works with, none of which is sent to. */
  databases: Set<Pick<OpenDatabase, "endpoints">>;
  addresses: AddressRules;
  egress: Egress;
  sending: { egress: Egress; http: Config["POSTHORN_HTTP"]; worker: string };
  judging: Judging;
  rooms: WaitingRooms;
  slots: Slots;
  random: () => number;
  /** Where a browser finds this service. */
  publicUrl: () => string;
  close(): Promise<void>;
};

/** Creates them; nothing is connected to. */
export function createProcess(
  role: Role,
  config: Config,
  log: Log,
  {
    connections,
    waitMs,
    isEmbedded,
    random,
  }: Pick<Process, "connections" | "waitMs" | "random"> & { isEmbedded: boolean },
): Process {
  const listeners: Endpoint[] = [];
  const databases: Process["databases"] = new Set();
  const addresses: AddressRules = {
    allow: config.POSTHORN_EGRESS_ALLOW ?? parseCidrs(isEmbedded ? LOOPBACK : ""),
    forbidden: () => [...listeners, ...[...databases].flatMap((each) => each.endpoints())],
  };
  const egress = createEgress({
    ...addresses,
    clock: monotonic,
    random,
    concurrency: config.POSTHORN_CONCURRENCY,
    ca: followAuthorities(config.POSTHORN_CA_FILE, monotonic, ({ message }) =>
      log.warn({ setting: "POSTHORN_CA_FILE" }, `${message}; those read last stay trusted`),
    ),
    proxy: config.POSTHORN_EGRESS_PROXY,
  });
  const judging = createJudging({ monotonic, log });
  return {
    role,
    config,
    log,
    connections,
    waitMs,
    listeners,
    databases,
    addresses,
    egress,
    sending: { egress, http: config.POSTHORN_HTTP, worker: workerName() },
    judging,
    rooms: createWaitingRooms(),
    slots: createSlots(config.POSTHORN_CONCURRENCY, monotonic),
    random,
    publicUrl: () => config.POSTHORN_PUBLIC_URL ?? ownUrl(config, listeners),
    close: async () => {
      await Promise.all([egress.close(), judging.close()]);
    },
  };
}

// Where a browser on this machine finds it, unless the configuration says better.
function ownUrl({ HOST, PORT }: Config, [own]: readonly Endpoint[]): string {
  return urlOf({ address: own?.address ?? HOST, port: own?.port ?? PORT });
}
